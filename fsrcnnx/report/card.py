"""Model cards: what a shipped network is, how it was made, and what it reaches, measured.

May import everything below the command line.

    write(Path("models/fsrcnn-x_x2"), [Path("Set5")])          # models/fsrcnn-x_x2/card.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from fsrcnnx.errors import ModelError, shown
from fsrcnnx.exact.even import measure
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import atomic, check_output
from fsrcnnx.learn import store
from fsrcnnx.learn.data import PROTOCOLS
from fsrcnnx.learn.evaluate import float_run
from fsrcnnx.learn.quantising.quantnet import load_qat, to_network
from fsrcnnx.report.made import Made
from fsrcnnx.report.results import Result, cell, cost, results


def _layers(network: Network) -> str:
    names = [f"{layer.kernel}x{layer.kernel} {layer.in_channels}→{layer.out_channels}"
             for layer in network.layers]
    last = {"deconv": "deconvolution", "shuffle": "sub-pixel convolution"}.get(
        network.layers[-1].kind)
    if last:
        names[-1] = f"{last} {names[-1]} stride {network.scale}"
    return ", ".join(names) + "; PReLU per channel" + \
        ("; the nearest LR pixel added to each output phase" if network.anchor else "")


def _formats(network: Network) -> Iterator[str]:
    yield "| layer | weights | slopes | written |"
    yield "|---|---|---|---|"
    for layer in network.layers:
        yield f"| {layer.name} | {layer.weight_format} | {layer.slope_format or '-'} " \
              f"| {layer.out_format} |"


def _quality(rows: Iterable[Result]) -> Iterator[str]:
    yield "| set | protocol | bicubic | float, dB / SSIM | integers, dB / SSIM | lost " \
          "| most on a picture, dB |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        plain, exact = row.float, row.integers
        yield f"| {cell(row.folder)} | {plain.protocol} | {plain.bicubic_psnr:.2f} " \
              f"| {plain.psnr:.2f} / {plain.ssim:.4f} | {exact.psnr:.2f} / {exact.ssim:.4f} " \
              f"| {plain.psnr - exact.psnr:.2f} dB | {row.largest_loss()} |"


def card(folder: Path, pictures: Sequence[Path]) -> str:
    """Measure a network and describe it.

    Args:
        folder: Of the network: weights.pth, model.onnx, model_float.onnx.
        pictures: Folders of HR test pictures.

    Returns:
        Markdown.

    Raises:
        ModelError: If the network cannot be used.
        InputError: If a folder of pictures cannot be used.
    """
    weights = folder / "weights.pth"
    made, model = Made.read(weights), Model(folder / "model.onnx")
    network, content, held = model.network, made.content, made.content["eval_psnr"]
    if to_network(load_qat(weights)).content_hash() != model.content_hash:
        raise ModelError("is not of the weights beside it", where=str(model.path),
                         allowed=f"what is made of {weights}", fix="export them again")
    price = cost(network)
    measured = [list(results([model], pictures, protocol)) for protocol in PROTOCOLS]
    count = sum(value.numel() for value in content["float"].values())
    return "\n".join([
        f"# {network.name}", "",
        f"Luma, x{network.picture_scale}: {_layers(network)}"
        + (f"; on luma that bicubic has enlarged {network.prescale} times before."
           if network.prescale > 1 else "."),
        f"{count:,} parameters, {price.macs:,} MAC per LR pixel; {price.bits}, {price.operations:,}"
        f" bit operations per LR pixel, {price.digits:,} non-zero signed digits in the weights.",
        "`weights.pth` holds the float weights, the quantised ones and their formats.",
        f"Content hash of the integer network: `{model.content_hash}`.", "",
        "## Quality, measured (Y channel, mean over the set)",
        *_quality(row for pair in zip(*measured, strict=True) for row in pair), "",
        "Paper: MATLAB-style antialiased bicubic downscale, LR as uint8, `scale` pixels shaved. "
        "Seed: Pillow's bicubic, no shave.",
        "`make results` measures the paper rows again.", "",
        "## Constant frames and ramps, measured",
        f"Integers: {measured[0][0].even}.",
        f"Float: {measure(network, partial(float_run, store.load(folder / 'weights.pth')))}.",
        "A gray is exact if all pixels that see no border are it, in every phase.", "",
        "## Formats", *_formats(network), "",
        "## Data", shown(network.meta.get("training_data") or made.data()),
        f"Held-out pictures, not those above, chose the best step: float {held['float']:.2f} dB, "
        f"integers {held['qat']:.2f} dB (calibration alone: {held['calibrated']:.2f} dB).", "",
        "## Training", *made.training(network.anchor),
        "What each part of the method gives: docs/training.md.", "",
        "## Not measured",
        "B100, Urban100, DIV2K; other seeds.", ""])


def write(folder: Path, pictures: Sequence[Path]) -> Path:
    """Write a network's card beside it.

    Args:
        folder: As for `card`.
        pictures: Folders of HR test pictures.

    Returns:
        The card.

    Raises:
        ModelError: If the network cannot be used.
        InputError: If pictures cannot be used or the card cannot be written.
    """
    path = folder / "card.md"
    check_output(path)
    text = card(folder, pictures)
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")
    return path
