"""The demo: one photograph, shrunk, doubled in every way there is, compared and drawn.

May import everything below the command line.

    demo(Path("build/demo"), Model.open("fsrcnn-x_x2")).picture      # the side-by-side PNG
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fsrcnnx import owned, tools
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import atomic
from fsrcnnx.media.imaging import (
    Picture,
    crop,
    picture_to_rgb,
    psnr,
    read_picture,
    shrink,
    upscale_chroma,
    write_picture,
)
from fsrcnnx.prove.simulation.compile import TOOL
from fsrcnnx.upscale.luma import prepared

KIND = "the pictures of a demo"
PHOTOGRAPH = "astronaut.png"  # NASA, public domain; in the wheel of scikit-image
CROP = 80  # side of a crop, HR pixels
ZOOM = 4
HEADING = 20  # height of a label, screen pixels
GAP = 4


@dataclass(frozen=True)
class Row:
    """Quality of one way of upscaling.

    Args:
        name: The way.
        psnr: dB on luma, paper protocol.
        seconds: Time it took, build of the simulation included.
    """

    name: str
    psnr: float
    seconds: float


@dataclass(frozen=True)
class Report:
    """What the demo found.

    Args:
        name: The photograph.
        lr_size: Width x height of the shrunk picture.
        hr_size: The same of the doubled one.
        rows: Quality of each way.
        mismatches: Comparison -> number of pixels that differ.
        pixels: Pixels compared.
        speed: Clocks and speed of the simulation, a line of text.
        picture: The side-by-side PNG.
    """

    name: str
    lr_size: str
    hr_size: str
    rows: tuple[Row, ...]
    mismatches: dict[str, int]
    pixels: int
    speed: str
    picture: Path

    @property
    def comparisons(self) -> list[str]:
        """One line per comparison."""
        return [f"{name}: {wrong}/{self.pixels} mismatches"
                for name, wrong in self.mismatches.items()]

    def check(self) -> None:
        """Fail on any mismatch.

        Raises:
            CheckError: Naming the comparisons that failed.
        """
        if any(self.mismatches.values()):
            raise CheckError("; ".join(self.comparisons), where="demo", allowed="0 mismatches",
                             fix="`fsrcnnx verify` locates the first divergence")


def photograph() -> Path:
    """Path of a photograph that scikit-image ships (no download).

    Returns:
        The file.

    Raises:
        InputError: If this scikit-image does not ship it.
    """
    import skimage.data

    path = Path(skimage.data.__file__).parent / PHOTOGRAPH
    if not path.is_file():
        raise InputError("not in this scikit-image", where=PHOTOGRAPH, fix="name one with --image")
    return path


def best_crops(hr: np.ndarray, bicubic: np.ndarray, ours: np.ndarray, n: int) -> list[tuple]:
    """Find where the network wins most over bicubic.

    Args:
        hr: uint8 (H, W), the original.
        bicubic: uint8 (H, W).
        ours: uint8 (H, W).
        n: Crops wanted.

    Returns:
        Up to n places (y, x) of CROP x CROP pixels that do not overlap, the best first.
    """
    wide = [plane.astype(np.int64) for plane in (hr, bicubic, ours)]
    gain = (wide[1] - wide[0]) ** 2 - (wide[2] - wide[0]) ** 2
    side_y, side_x = min(CROP, hr.shape[0]), min(CROP, hr.shape[1])
    table = np.pad(gain, ((1, 0), (1, 0))).cumsum(0).cumsum(1)  # sums over rectangles
    sums = (table[side_y:, side_x:] - table[:-side_y, side_x:]
            - table[side_y:, :-side_x] + table[:-side_y, :-side_x])
    places = []
    for flat in np.argsort(-sums, axis=None, kind="stable"):
        y, x = (int(v) for v in np.unravel_index(flat, sums.shape))
        if all(abs(y - py) >= side_y or abs(x - px) >= side_x for py, px in places):
            places.append((y, x))
        if len(places) == n:
            break
    return places


def side_by_side(panels: dict[str, Picture], places: list[tuple], path: Path) -> None:
    """Draw the original with the crops marked, and the crops of every panel, enlarged.

    Args:
        panels: Label -> picture, all of one size; the last is the original.
        places: Crops (y, x), one row each.
        path: PNG to write.
    """
    side = CROP * ZOOM
    font = ImageFont.load_default(13)
    pixels = {label: Image.fromarray(picture_to_rgb(p)).convert("RGB")
              for label, p in panels.items()}
    whole = list(pixels.values())[-1].copy()
    frame = ImageDraw.Draw(whole)
    for y, x in places:
        frame.rectangle((x, y, x + CROP - 1, y + CROP - 1), outline="yellow", width=2)
    tall = len(places) * (side + GAP) - GAP
    whole = whole.resize((round(whole.width * tall / whole.height), tall), Image.Resampling.LANCZOS)
    width = whole.width + len(pixels) * (side + GAP)
    sheet = Image.new("RGB", (width, HEADING + tall), "white")
    draw = ImageDraw.Draw(sheet)
    sheet.paste(whole, (0, HEADING))
    draw.text((2, 2), "the photograph; crops of the largest gain", "black", font)
    for column, (label, image) in enumerate(pixels.items()):
        left = whole.width + GAP + column * (side + GAP)
        draw.text((left + 2, 2), label, "black", font)
        for row, (y, x) in enumerate(places):
            part = image.crop((x, y, x + CROP, y + CROP)).resize((side, side), 0)
            sheet.paste(part, (left, HEADING + row * (side + GAP)))
    with atomic(path) as part:
        sheet.quantize(256, dither=Image.Dither.NONE).save(part, optimize=True)


def demo(folder: Path, model: Model, *, image: Path | None = None, simulator: str = "verilator",
         progress: Callable[[float], None] | None = None) -> Report:
    """Shrink a photograph, double it in every way, compare and draw.

    Args:
        folder: Where the pictures go; made if it is missing.
        model: The opened model.
        image: HR photograph; None for the one that scikit-image ships.
        simulator: `verilator` or `icarus`.
        progress: Called with the fraction of the simulation done.

    Returns:
        The report; `report.check()` fails on a mismatch.

    Raises:
        InputError: If the photograph cannot be used or the folder not written.
        ModelError: If the model cannot be used.
        ToolError: If the simulator is missing.
    """
    image = image or photograph()
    scale = model.scale
    original = read_picture(image)
    hr = crop(original.luma, scale)
    chroma = None if original.chroma is None else crop(original.chroma, scale)
    lr = Picture(shrink(hr, scale), None if chroma is None else np.dstack(
        [shrink(np.ascontiguousarray(plane), scale) for plane in np.moveaxis(chroma, 2, 0)]))
    owned.check(folder, KIND)
    tools.locate(TOOL[simulator])  # before the other ways take their time

    results, rows = {}, []
    for name in ("bicubic", "float", "golden", "onnx", "rtl"):
        start = time.perf_counter()
        with prepared(name, model, scale=scale, simulator=simulator, progress=progress) as run:
            ran = run([lr.luma])
        results[name] = ran.planes[0]
        label = f"rtl ({simulator})" if name == "rtl" else name
        rows.append(Row(label, psnr(hr, results[name], scale), time.perf_counter() - start))
    simulated = ran.report  # of the last one, the core
    speed = (f"{simulated.cycles} clocks, {simulated.cycles / lr.luma.size:.2f} per LR pixel; "
             f"{hr.size / simulated.seconds:.0f} HR pixels simulated per second, "
             f"build {simulated.build_seconds:.0f} s")

    soft = upscale_chroma(lr.chroma, scale)
    nearest = [None if plane is None else plane.repeat(scale, 0).repeat(scale, 1)
               for plane in (lr.luma, lr.chroma)]
    by_name = {row.name.split()[0]: row for row in rows}
    panels = {
        f"LR {lr.luma.shape[1]}x{lr.luma.shape[0]}": Picture(*nearest),
        f"bicubic, {by_name['bicubic'].psnr:.2f} dB": Picture(results["bicubic"], soft),
        f"simulated RTL, {by_name['rtl'].psnr:.2f} dB": Picture(results["rtl"], soft),
        "original": Picture(hr, chroma),
    }
    places = best_crops(hr, results["bicubic"], results["golden"], 2)
    with owned.whole_folder(folder, KIND) as new:
        side_by_side(panels, places, new / "demo.png")
        write_picture(new / "lr.png", lr)
        write_picture(new / "rtl.png", Picture(results["rtl"], soft))
    return Report(
        image.name, f"{lr.luma.shape[1]}x{lr.luma.shape[0]}", f"{hr.shape[1]}x{hr.shape[0]}",
        tuple(rows),
        {f"{name} against golden": int((results[name] != results["golden"]).sum())
         for name in ("onnx", "rtl")},
        hr.size, speed, folder / "demo.png")
