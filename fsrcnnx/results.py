"""The results table: every shipped model over folders of test pictures, as Markdown.

May import everything below the command line.

    print(markdown(results([Path("models/fsrcnn-x_x2/model.onnx")], [Path("Set5")])))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import engines
from fsrcnnx.exact import onnx_io
from fsrcnnx.learn.evaluate import Score, evaluate


@dataclass(frozen=True, eq=False)
class Result:
    """A model's quality on one folder.

    Args:
        model: Its name.
        macs: Multiplications per LR pixel.
        folder: Name of the folder.
        float: Score of the float network.
        integers: Score of the integer network.
    """

    model: str
    macs: int
    folder: str
    float: Score
    integers: Score


def shipped() -> list[Path]:
    """List the models that the project ships.

    Returns:
        Paths of their model.onnx, by name.
    """
    return sorted(engines.SHIPPED.glob("*/model.onnx"))


def results(models: Sequence[Path], folders: Sequence[Path],
            protocol: str = "paper") -> Iterator[Result]:
    """Measure models over folders of HR pictures.

    Args:
        models: model.onnx of each, with model_float.onnx beside it.
        folders: Folders of pictures.
        protocol: `paper` or `seed`, as for `evaluate`.

    Yields:
        One result per model and folder.

    Raises:
        InputError: If a folder has no pictures or one cannot be used.
        ModelError: If a model cannot be used.
    """
    for path in models:
        network = onnx_io.load(path)
        for folder in folders:
            scores = [evaluate(lambda lr, engine=engine, path=path: engines.upscale_luma(
                engine, path, [lr])[0], folder, scale=network.scale, protocol=protocol)
                for engine in ("float", "emulate")]
            yield Result(path.parent.name, network.macs, folder.name, *scores)


def markdown(rows: Sequence[Result]) -> str:
    """Write results as a Markdown table.

    Args:
        rows: Results.

    Returns:
        The table, dB and SSIM of the Y channel; it names the protocol.
    """
    protocol = rows[0].float.protocol if rows else "paper"
    lines = [f"| model | MAC per LR pixel | pictures, {protocol} protocol | bicubic, dB / SSIM "
             "| float, dB / SSIM | integers, dB / SSIM | lost, dB |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        plain, exact = row.float, row.integers
        lines.append(
            f"| {row.model} | {row.macs:,} | {row.folder} "
            f"| {plain.bicubic_psnr:.2f} / {plain.bicubic_ssim:.4f} "
            f"| {plain.psnr:.2f} / {plain.ssim:.4f} | {exact.psnr:.2f} / {exact.ssim:.4f} "
            f"| {plain.psnr - exact.psnr:.2f} |")
    return "\n".join(lines)
