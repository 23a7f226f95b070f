"""The door for float networks of others: a checkpoint or an ONNX file as one of our networks.

May import torch, exact.onnx, the other parts of learn for such files, and the ground.

    found = read(Path("fsrcnn_x2.pth"), Choice(scale=2))
    found.model                                    # pixel / 256 in and out, in evaluation mode
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from fsrcnnx import __version__, limits
from fsrcnnx.errors import CheckError, InputError, ModelError, shown
from fsrcnnx.exact.onnx.bytes import parse, read_bytes
from fsrcnnx.exact.onnx.run import stock_session
from fsrcnnx.learn import checkpoint, float_onnx, store, torchfile
from fsrcnnx.learn.models import PIXEL_STEPS, Net
from fsrcnnx.learn.recognise import Recognised, recognise
from fsrcnnx.learn.rows import UNSAID, Choice

HEADS = (torchfile.ARCHIVE, b"\x80")  # of torch files: an archive, a pickle
SUFFIXES = (".pth", ".pt")
CLOSE = 1e-4  # of the largest value: float32, in another order of additions
TRIALS = ((31, 29), (1, 1), (8, 40))  # LR sizes that a network is held against its file on
OUR_FIX = "`fsrcnnx quantise` takes it as it is"


def is_checkpoint(path: Path) -> bool:
    """Tell whether a file is one of torch, by how it begins or by its name.

    Args:
        path: A file, perhaps missing.

    Returns:
        True if it is to be read as one.
    """
    if path.suffix in SUFFIXES or not path.is_file():  # a pipe would never begin
        return path.suffix in SUFFIXES
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(HEADS)
    except OSError:  # who reads it says so
        return False


def is_float(path: Path) -> bool:
    """Tell whether a file is a float network of any kind.

    Args:
        path: A file.

    Returns:
        True for a checkpoint, and for an ONNX file in which nothing is quantised.

    Raises:
        ModelError: If it is neither a torch file nor ONNX.
    """
    return is_checkpoint(path) or not float_onnx.quantised(parse(read_bytes(path), str(path)))


def read(path: Path, choice: Choice = UNSAID) -> Recognised:
    """Read a stranger's float network.

    Args:
        path: A checkpoint or a float ONNX file.
        choice: What it does not say.

    Returns:
        The network and what was recognised.

    Raises:
        InputError: If it is no file of either kind.
        ModelError: Naming what does not fit, where, and what is allowed.
        CheckError: If the network gives other pixels than an ONNX file itself.
    """
    if not is_checkpoint(path):
        for option, said in (("anchor", choice.anchor), ("identity", choice.identity)):
            if said is not None:
                raise InputError(f"--{'no-' * (not said)}{option}, of an ONNX file", where=path,
                                 allowed="it of a checkpoint: an ONNX file says it itself",
                                 fix="leave it out")
        row, data = float_onnx.read_row(path)
        found = recognise(row, choice)
        return Recognised(found.model, found.divisor, (
            *found.says, hold(found, data, path, row.limits)))
    try:
        content = torchfile.read(path, limits.MODEL_BYTES)
    except InputError as error:
        raise InputError(error.what, where=path, allowed=error.allowed or "tensors by name",
                         fix=error.fix or checkpoint.TENSORS_ALONE) from None
    if checkpoint.own(content):
        raise ModelError("weights of fsrcnnx itself", where=path, allowed="those of others",
                         fix=OUR_FIX)
    return recognise(checkpoint.read_row(content, str(path), choice), choice)


def load(path: Path, scale: int, slope: float | None = None) -> Net:
    """Load a float network, ours or another's.

    Args:
        path: A weights file of ours, a checkpoint or a float ONNX file of others.
        scale: How much larger a picture becomes, where the file does not say it.
        slope: Of activations that it does not hold.

    Returns:
        The network, in evaluation mode.

    Raises:
        InputError, ModelError, CheckError: As `store.load` and `read` do.
    """
    if not is_checkpoint(path):
        return read(path, Choice(scale, slope=slope)).model
    try:
        ours = checkpoint.own(torchfile.read(path, limits.MODEL_BYTES))
    except InputError:
        ours = True  # what is wrong is said where ours are read
    if ours and slope is not None:
        raise InputError("--slope, of weights of fsrcnnx itself", where=path,
                         allowed="it of a checkpoint of others", fix="leave it out")
    return store.load(path) if ours else read(path, Choice(scale, slope=slope)).model


def hold(found: Recognised, data: bytes, path: Path, bounds: tuple[float, float]) -> str:
    """Hold a network against the ONNX file that it was made of, run by onnxruntime.

    Args:
        found: The network.
        data: The file.
        path: Its name.
        bounds: What it clips its output to.

    Returns:
        The largest difference, in words.

    Raises:
        CheckError: If it is more than the rounding of float32.
    """
    run, rng = stock_session(data, "float", path), np.random.default_rng(1)
    worst, most, pixels = 0.0, 255.0, 0
    for size in TRIALS:
        lr = rng.integers(0, 256, size, dtype=np.uint8)
        theirs = run(lr.astype(np.float32) / np.float32(found.divisor)) * found.divisor
        with torch.no_grad():
            x = torch.from_numpy(lr)[None, None].float() / PIXEL_STEPS
            ours = found.model(x)[0, 0].numpy() * np.float32(PIXEL_STEPS)
        ours = np.clip(ours, *(bound * found.divisor for bound in bounds))
        if theirs.shape != ours.shape:
            raise CheckError(f"gives {ours.shape} of {lr.shape}, the file {theirs.shape}",
                             where=path, fix="report this as a defect of `fsrcnnx import`")
        worst = max(worst, float(np.abs(theirs - ours).max()))
        most, pixels = max(most, float(np.abs(theirs).max())), pixels + ours.size
    if not worst <= CLOSE * most:
        raise CheckError(f"its pixels differ from the file's by up to {worst:.3g}", where=path,
                         allowed=f"{CLOSE * most:.3g}, the rounding of float32",
                         fix="report this as a defect of `fsrcnnx import`")
    return f"held against the file in onnxruntime: {pixels} random pixels, at most {worst:.2g} " \
        "of 255 apart"


def save(found: Recognised, path: Path, output: Path) -> dict[str, str]:
    """Write a network as weights of ours.

    Args:
        found: The network.
        path: The file that it was read from.
        output: `weights.pth` to write.

    Returns:
        What the file says of where it is from.

    Raises:
        InputError: If it cannot be written.
    """
    origin = {"imported_from": shown(path.name, limits.NAME).encode("ascii", "replace").decode(),
              "imported_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    torchfile.save({"name": found.model.name, "float": found.model.state_dict(),
                    "version": __version__, **origin}, output)
    return origin
