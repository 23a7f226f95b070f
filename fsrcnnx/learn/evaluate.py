"""Float upscaling and quality figures over folders, in the paper's and the seed's protocol.

May import numpy, torch, imaging, learn.data, learn.incoming, learn.sources, learn.models,
learn.store and the errors.

    evaluate("weights.pth", "Set5").psnr           # dB, paper protocol
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.files import check_apart
from fsrcnnx.learn import data, incoming, sources, store
from fsrcnnx.learn.models import PIXEL_STEPS
from fsrcnnx.media.imaging import (
    Picture,
    bicubic,
    check_writable,
    crop,
    psnr,
    read_picture,
    ssim,
    upscale_chroma,
    write_picture,
)

Upscaler = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Score:
    """Quality of an upscaler over a folder, and of bicubic beside it.

    Args:
        psnr: Mean PSNR in dB.
        ssim: Mean SSIM.
        bicubic_psnr: Mean PSNR of bicubic upscaling.
        bicubic_ssim: Its mean SSIM.
        pictures: Per picture: name, PSNR, SSIM, bicubic PSNR, bicubic SSIM.
        protocol: `paper` or `seed`.
    """

    psnr: float
    ssim: float
    bicubic_psnr: float
    bicubic_ssim: float
    pictures: tuple[tuple[str, float, float, float, float], ...]
    protocol: str

    @property
    def psnrs(self) -> list[float]:
        """PSNR of each picture in dB."""
        return [row[1] for row in self.pictures]

    def as_dict(self) -> dict:
        """The score as plain data, for JSON."""
        return asdict(self)


def pixels(hr: torch.Tensor) -> np.ndarray:
    """Bring what a float network computes to pixels.

    Args:
        hr: pixel / 256, any shape and device.

    Returns:
        uint8 of the same shape, rounded half to even and clipped to 0..255.
    """
    return (hr * PIXEL_STEPS).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def float_run(module: nn.Module, lr: np.ndarray) -> np.ndarray:
    """Upscale a luma plane with a float network.

    Args:
        module: Float network, pixel / 256 in and out.
        lr: Pixels (H, W), or (n, H, W) of a stack of frames, what enters the network: enlarged
            before if it has a prescale.

    Returns:
        uint8 (scale * H, scale * W), or a stack, rounded half to even and clipped to 0..255.
    """
    module.eval()
    device = next(module.parameters()).device
    with torch.no_grad():
        x = torch.from_numpy(np.array(lr)).to(device).float() / PIXEL_STEPS
        hr = pixels(module(x.reshape(-1, 1, *x.shape[-2:])))
    return hr.reshape(*x.shape[:-2], *hr.shape[-2:])


def psnrs(run: Upscaler, pairs: list[tuple[np.ndarray, np.ndarray]], shave: int) -> list[float]:
    """PSNR of an upscaler on each of LR and HR pairs.

    Args:
        run: Upscaler, uint8 (H, W) to uint8 (scale * H, scale * W).
        pairs: uint8 LR and HR planes.
        shave: Border pixels left out.

    Returns:
        dB of each.
    """
    return [psnr(hr, run(lr), shave) for lr, hr in pairs]


def mean_psnr(run: Upscaler, pairs: list[tuple[np.ndarray, np.ndarray]], shave: int) -> float:
    """Mean PSNR of an upscaler over LR and HR pairs.

    Args:
        run, pairs, shave: As for `psnrs`.

    Returns:
        dB.
    """
    return float(np.mean(psnrs(run, pairs, shave)))


def largest_loss(plain: Sequence[float], exact: Sequence[float]) -> tuple[int, float]:
    """Find the picture that loses most from one upscaler to another, which a mean hides.

    Args:
        plain: dB of each picture by the one; infinite where it is the original.
        exact: dB of the same pictures by the other.

    Returns:
        Index and dB lost; negative if every picture gains.
    """
    lost = [0.0 if a == b else a - b for a, b in zip(plain, exact, strict=True)]
    worst = max(range(len(lost)), key=lost.__getitem__)
    return worst, lost[worst]


def _upscaler(model: str | Path | nn.Module | Upscaler, scale: int) -> Upscaler:
    if isinstance(model, (str, Path)):
        model = store.load(model)
    if not isinstance(model, nn.Module):
        return model
    if model.picture_scale != scale:
        raise ModelError(f"a network for x{model.picture_scale}", where="evaluate",
                         allowed=f"x{scale}", fix="name the network's own scale")
    return lambda plane: float_run(model, bicubic(plane, model.prescale))


def _protocol(protocol: str, scale: int) -> tuple[Callable, int]:
    """Downscale and shave of a protocol."""
    if protocol not in data.PROTOCOLS:
        raise InputError(f"protocol {protocol!r}", where="--protocol",
                         allowed=", ".join(data.PROTOCOLS))
    return data.PROTOCOLS[protocol], scale if protocol == "paper" else 0


def evaluate(model: str | Path | nn.Module | Upscaler, images_dir: str | Path, *, scale: int = 2,
             protocol: str = "paper") -> Score:
    """Measure an upscaler over a folder of HR pictures.

    Args:
        model: Weights file, float module, or any function from uint8 (H, W) to
            uint8 (scale * H, scale * W), e.g. a rung of the integer network.
        images_dir: Folder of HR pictures.
        scale: Upscaling factor.
        protocol: `paper` (MATLAB downscale, `scale` pixels shaved) or `seed` (Pillow, none).

    Returns:
        Means and single figures of the Y channel; a gray picture is luma as it is.

    Raises:
        InputError: If the folder has no pictures or one cannot be used.
        ModelError: If the weights cannot be used.
    """
    reduce, shave = _protocol(protocol, scale)
    run = _upscaler(model, scale)
    rows = []
    for path in sources.pictures_in(images_dir):
        hr = crop(read_picture(path).luma, scale)
        lr = reduce(hr, scale)
        planes = run(lr), bicubic(lr, scale)
        try:
            rows.append((path.name, *(metric(hr, plane, shave) for plane in planes
                                      for metric in (psnr, ssim))))
        except InputError as error:  # the metrics do not know which picture it is
            raise InputError(error.what, where=path, allowed=error.allowed,
                             fix=error.fix) from None
    means = np.mean([row[1:] for row in rows], axis=0)
    return Score(*map(float, means), tuple(rows), protocol)


def compare(weights_file: str | Path, image_file: str | Path, scale: int = 2, *,
            protocol: str = "seed", slope: float | None = None) -> list[tuple[Path, float]]:
    """Shrink a picture, upscale it by bicubic and by the network, and write both beside it.

    Args:
        weights_file: Weights file, or a float network of others, as `fsrcnnx import` reads it.
        image_file: HR picture.
        scale: Upscaling factor.
        protocol: `paper` or `seed`, of downscale and PSNR.
        slope: Of activations that a checkpoint of others does not hold.

    Returns:
        File and PSNR in dB of `<image>_bicubic_x2` and `<image>_fsrcnn-x_x2`; a suffix that
        would lose pixels (JPEG) becomes .png.

    Raises:
        InputError: If the picture cannot be read, is too small, or the outputs not be written.
        ModelError: If the weights cannot be used.
    """
    data.check_scale(scale)
    reduce, shave = _protocol(protocol, scale)
    model = incoming.load(Path(weights_file), scale, slope)
    name = model.name.rsplit("_x", 1)[0]
    run = _upscaler(model, scale)
    image_file = Path(image_file)
    picture = read_picture(image_file)
    suffix = image_file.suffix if image_file.suffix.lower() not in (".jpg", ".jpeg") else ".png"
    outputs = {label: image_file.with_name(f"{image_file.stem}_{label}_x{scale}{suffix}")
               for label in ("bicubic", name)}
    for path in outputs.values():
        check_writable(path)
    check_apart(outputs.values(), [weights_file, image_file])
    hr = crop(picture.luma, scale)
    lr = reduce(hr, scale)
    chroma = None
    if picture.chroma is not None:
        planes = [reduce(plane, scale) for plane in np.moveaxis(picture.chroma, 2, 0)]
        chroma = upscale_chroma(np.dstack(planes), scale)
    rows = []
    for label, upscale in (("bicubic", lambda plane: bicubic(plane, scale)), (name, run)):
        up = upscale(lr)
        rows.append((write_picture(outputs[label], Picture(up, chroma)), psnr(hr, up, shave)))
    return rows
