"""Every shipped model over folders of test pictures: quality beside cost, as Markdown and plot.

May import everything below the command line and, for the plot only, matplotlib.

    print(markdown(results([Model.open("fsrcnn-x_x2")], [Path("Set5")])))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx.errors import shown
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.even import Even, measure
from fsrcnnx.exact.formats import signed_digits
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import atomic
from fsrcnnx.learn.evaluate import Score, evaluate, largest_loss
from fsrcnnx.learn.training import recipes
from fsrcnnx.prove.bounds import check_plot
from fsrcnnx.prove.engines.engine import Run
from fsrcnnx.upscale.luma import prepared


@dataclass(frozen=True)
class Cost:
    """What a network costs in hardware, before any tool is asked.

    Args:
        macs: Multiplications per LR pixel.
        bits: Widths of weights and inner maps, as `W4A8`; `W4-8A8` if layers differ.
        operations: Bit operations per LR pixel: each multiplication counts the product of the
            widths of weight and map.
        digits: Non-zero signed digits of all weights, in the form with the fewest: what an
            engine of shifts and adders adds up, before it shares anything.
    """

    macs: int
    bits: str
    operations: int
    digits: int


def cost(network: Network) -> Cost:
    """Count.

    Args:
        network: Integer network.

    Returns:
        Its cost.
    """
    layers = network.layers
    inputs = [network.in_format_of(index).width for index in range(len(layers))]

    def span(widths: list[int]) -> str:
        return "-".join(str(width) for width in sorted({min(widths), max(widths)}))

    return Cost(
        network.macs,
        f"W{span([layer.weight_format.width for layer in layers])}A{span(inputs[1:])}",
        network.prescale**2 * sum(layer.macs * layer.weight_format.width * width
                                  for layer, width in zip(layers, inputs, strict=True)),
        sum(int(signed_digits(layer.weight).sum()) for layer in layers))


@dataclass(frozen=True, eq=False)
class Result:
    """A model's quality on one folder.

    Args:
        model: Its name.
        cost: What it costs.
        scale: Upscaling factor.
        folder: Name of the folder.
        float: Score of the float network.
        integers: Score of the integer network.
        even: What constant frames become in the integer network.
    """

    model: str
    cost: Cost
    scale: int
    folder: str
    float: Score
    integers: Score
    even: Even

    def largest_loss(self) -> str:
        """What the integers lose on the picture where they lose most: dB, and its name."""
        worst, lost = largest_loss(self.float.psnrs, self.integers.psnrs)
        return f"{lost:.2f} ({cell(self.float.pictures[worst][0])})"


def cell(name: str) -> str:
    """Bring the name of a file or folder, which may be a stranger's, into a Markdown table.

    Args:
        name: As the file system gives it.

    Returns:
        One line; no | of it ends a cell.
    """
    return shown(name).replace("|", r"\|")


def quality(engine: str, model: Model, folder: Path, protocol: str = "paper") -> Score:
    """Measure one engine over a folder of HR pictures.

    Args:
        engine: Its name.
        model: The opened model.
        folder: Of pictures.
        protocol: `paper` or `seed`, as for `evaluate`.

    Returns:
        Its quality, and that of bicubic beside it.

    Raises:
        InputError: If the folder has no pictures or one cannot be used.
        ModelError: If the model cannot be used.
    """
    with prepared(engine, model) as run:
        return _score(run, model, folder, protocol)


def _score(run: Run, model: Model, folder: Path, protocol: str) -> Score:
    """As `quality`, of an engine that is ready."""
    return evaluate(lambda lr: run([lr]).planes[0], folder, scale=model.scale, protocol=protocol)


def results(models: Sequence[Model], folders: Sequence[Path],
            protocol: str = "paper") -> Iterator[Result]:
    """Measure models over folders of HR pictures.

    Args:
        models: Each with model_float.onnx beside it.
        folders: Folders of pictures.
        protocol: `paper` or `seed`, as for `evaluate`.

    Yields:
        One result per model and folder.

    Raises:
        InputError: If a folder has no pictures or one cannot be used.
        ModelError: If a model cannot be used.
    """
    for model in models:
        flat = measure(model.network, Emulator(model.network).stack)
        with prepared("float", model) as plain, prepared("emulate", model) as exact:
            for folder in folders:
                scores = (_score(run, model, folder, protocol) for run in (plain, exact))
                yield Result(model.path.parent.name, cost(model.network), model.scale, folder.name,
                             *scores, flat)


def markdown(rows: Sequence[Result]) -> str:
    """Write results as a Markdown table.

    Args:
        rows: Results.

    Returns:
        The table, dB and SSIM of the Y channel; it names the protocol.
    """
    protocol = rows[0].float.protocol if rows else "paper"
    lines = [f"| model | MAC per LR pixel | bits | signed digits | pictures, {protocol} protocol "
             "| bicubic, dB / SSIM | float, dB / SSIM | integers, dB / SSIM | lost, dB "
             "| largest loss of a picture, dB | exact grays of 256 | ring error |",
             "|---" * 12 + "|"]
    for row in rows:
        plain, exact = row.float, row.integers
        lines.append(
            f"| {row.model} | {row.cost.macs:,} | {row.cost.bits} | {row.cost.digits:,} "
            f"| {cell(row.folder)} | {plain.bicubic_psnr:.2f} / {plain.bicubic_ssim:.4f} "
            f"| {plain.psnr:.2f} / {plain.ssim:.4f} | {exact.psnr:.2f} / {exact.ssim:.4f} "
            f"| {plain.psnr - exact.psnr:.2f} | {row.largest_loss()} | {row.even.exact} "
            f"| {row.even.ring} |")
    return "\n".join(lines)


def _literal(name: str) -> str:
    """A folder's name as matplotlib draws it, and not as mathematics between two $."""
    return name.replace("$", r"\$")


def plot(rows: Sequence[Result], path: Path) -> None:
    """Draw dB over bit operations, a panel for each scale and folder, a line for each network.

    Args:
        rows: Results.
        path: Picture to write: PNG, PDF or SVG by its suffix.

    Raises:
        ToolError: If matplotlib is missing.
        InputError: If the file cannot be written.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    folders = sorted({row.folder for row in rows})
    scales = sorted({row.scale for row in rows})
    panels = [(scale, folder) for folder in folders for scale in scales]
    figure = Figure(figsize=(6 * len(scales), 5 * len(folders)), layout="constrained")
    grid = figure.subplots(len(folders), len(scales), squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=True):
        networks: dict[str, list[Result]] = {}
        for row in rows:
            if (row.scale, row.folder) == panel:
                networks.setdefault(recipes.base(row.model), []).append(row)
        for name, own in networks.items():
            own.sort(key=lambda row: row.cost.operations)
            axes.plot([row.cost.operations for row in own], [row.integers.psnr for row in own],
                      marker="o", label=_literal(name))
            for row in own:
                axes.annotate(row.cost.bits, (row.cost.operations, row.integers.psnr),
                              textcoords="offset points", xytext=(4, -10), fontsize="small")
        axes.set(xscale="log", title=f"{_literal(panel[1])}, x{panel[0]}, integers",
                 xlabel="bit operations per LR pixel", ylabel="PSNR of Y, dB")
        axes.grid(alpha=0.3)
        axes.margins(0.15)
        axes.legend(fontsize="small")
    with atomic(path) as part:
        figure.savefig(part, format=path.suffix[1:])
