"""The range proof beside what frames reach, as rows of a table, as JSON and as a plot.

May import numpy, the integer side, the stimuli and, for the plot only, matplotlib.

    report = bounds.report(network, frames); report.rows(channels=False)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.errors import InputError, ToolError
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.observe import Seen, hold, observe
from fsrcnnx.exact.ranges import LayerRange, prove, signed_width
from fsrcnnx.files import atomic
from fsrcnnx.install import advice
from fsrcnnx.prove import stimuli

NOISE = ((64, 64), (31, 37))  # (height, width) of the frames that are always looked at
COLUMNS = ("layer", "channels", "input", "weights", "output", "accumulator, proved", "bits",
           "complete sum, proved", "bits", "seen", "bits", "saturated %")
PLOTS = (".png", ".pdf", ".svg")


def made_up(network: Network, seed: int) -> list[np.ndarray]:
    """Make noise, black and white noise, and extremes.

    Args:
        network: Gives the input format.
        seed: Seed of the noise.

    Returns:
        Integer frames.
    """
    rng, to = np.random.default_rng(seed), network.in_format
    frames = [rng.integers(to.lo, to.hi + 1, size) for size in NOISE]
    frames += [np.where(rng.integers(0, 2, size), to.hi, to.lo) for size in NOISE]
    return [*frames, *stimuli.extremes(to, *NOISE[1]).values()]


def _groups(layer: Layer, bound: LayerRange) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Group channels: by phase, or those of a conv by the sign that the proof leaves them."""
    phases, out = bound.sum_lo.shape
    if layer.kind != "conv":
        for phase in range(phases):
            yield f"phase {phase}", (np.full(out, phase), np.arange(out))
        return
    low, high = bound.sum_lo[0], bound.sum_hi[0]
    for name, chosen in (("any sign", (low < 0) & (high > 0)), ("never negative", low >= 0),
                         ("never positive", (high <= 0) & (low < 0))):
        if chosen.any():
            yield f"{chosen.sum()} {name}", (np.zeros(chosen.sum(), int), np.flatnonzero(chosen))


def _single(bound: LayerRange) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Every channel of every phase by itself."""
    phases, out = bound.sum_lo.shape
    for phase in range(phases):
        for channel in range(out):
            name = f"{channel}" if phases == 1 else f"{channel}, phase {phase}"
            yield name, (np.array([phase]), np.array([channel]))


@dataclass(frozen=True, eq=False)
class Bounds:
    """A network's proved and observed ranges.

    Args:
        network: The network.
        proved: Ranges.
        seen: What the frames reached.
        frames: Number of frames.
    """

    network: Network
    proved: tuple[LayerRange, ...]
    seen: tuple[Seen, ...]
    frames: int

    def rows(self, channels: bool = False) -> list[list[str]]:
        """Lay the report out as table rows under COLUMNS.

        Args:
            channels: One row per channel instead of one per group of channels.

        Returns:
            Cells as text.
        """
        rows = []
        for index, (layer, bound, seen) in enumerate(
                zip(self.network.layers, self.proved, self.seen, strict=True)):
            for name, at in _single(bound) if channels else _groups(layer, bound):
                acc = bound.acc_lo[at[1]].min(), bound.acc_hi[at[1]].max()
                total = bound.sum_lo[at].min(), bound.sum_hi[at].max()
                least, most = seen.sum_lo[at].min(), seen.sum_hi[at].max()
                rate = 100 * seen.saturated[at].sum() / (seen.values * len(at[0]))
                rows.append([layer.name, name, str(self.network.in_format_of(index)),
                             str(layer.weight_format), str(layer.out_format)])
                for low, high in (acc, total, (least, most)):
                    rows[-1] += [f"{low}..{high}", str(signed_width(low, high))]
                rows[-1].append(f"{rate:.2f}")
        return rows

    def as_dict(self) -> dict:
        """Give the report as plain data, channel by channel.

        Returns:
            An object with network, content_hash, frames and layers.
        """
        layers = []
        for index, (layer, bound, seen) in enumerate(
                zip(self.network.layers, self.proved, self.seen, strict=True)):
            layers.append({
                "name": layer.name, "kind": layer.kind,
                "input": str(self.network.in_format_of(index)),
                "weights": str(layer.weight_format), "output": str(layer.out_format),
                "slopes": str(layer.slope_format) if layer.slope_format else None,
                "acc_bits": bound.acc_width, "sum_bits": bound.sum_width,
                "activation_bits": bound.act_width,
                "proved": {name: getattr(bound, name).tolist() for name in (
                    "acc_lo", "acc_hi", "sum_lo", "sum_hi", "out_lo", "out_hi")},
                "seen": {name: getattr(seen, name).tolist() for name in (
                    "sum_lo", "sum_hi", "out_lo", "out_hi", "saturated")},
                "values": seen.values,
            })
        return {"made_by": f"fsrcnnx {__version__}", "network": self.network.name,
                "content_hash": self.network.content_hash(), "frames": self.frames,
                "layers": layers}


def report(network: Network, frames: Sequence[np.ndarray],
           progress: Callable[[float], None] | None = None) -> Bounds:
    """Prove a network's ranges and hold them against frames.

    Args:
        network: A checked integer network.
        frames: Integers (H, W) each.
        progress: Called with the fraction done.

    Returns:
        The report.

    Raises:
        CheckError: If a frame leaves the proved range.
        InputError: If a frame is not a picture within the input format.
    """
    proved, seen = prove(network), observe(network, frames, progress)
    hold(proved, seen)
    return Bounds(network, proved, seen, len(frames))


def check_plot(path: Path) -> None:
    """Refuse a plot that could not be drawn, before any work is done for it.

    Args:
        path: File to be written.

    Raises:
        ToolError: If matplotlib is missing.
        InputError: If the suffix is not that of a plot.
    """
    if find_spec("matplotlib") is None:
        raise ToolError("matplotlib is not installed", where="--plot",
                        fix=advice("matplotlib"))
    if path.suffix.lower() not in PLOTS:
        raise InputError(f"suffix {path.suffix!r} is not a plot format", where=path,
                         allowed=" ".join(PLOTS), fix="name it e.g. ranges.png")


def plot(found: Bounds, path: Path) -> None:
    """Draw each layer's channels: the proved accumulator, the complete sum, what was seen.

    Args:
        found: The report.
        path: Picture to write: PNG, PDF or SVG by its suffix.

    Raises:
        ToolError: If matplotlib is missing.
        InputError: If the file cannot be written.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    count = len(found.proved)
    figure = Figure(figsize=(10, 2 * count), layout="constrained")
    for axes, bound, seen in zip(figure.subplots(count, 1, squeeze=False)[:, 0], found.proved,
                                 found.seen, strict=True):
        phases, out = bound.sum_lo.shape
        at = np.arange(phases * out)
        for low, high, width, colour, label in (
                (np.tile(bound.acc_lo, phases), np.tile(bound.acc_hi, phases), 0.9, "0.85",
                 "proved, partial sums"),
                (bound.sum_lo, bound.sum_hi, 0.6, "tab:blue", "proved, complete sums"),
                (seen.sum_lo, seen.sum_hi, 0.3, "tab:orange", f"seen in {found.frames} frames")):
            axes.bar(at, high.ravel() - low.ravel(), width, low.ravel(), color=colour, label=label)
        axes.set_title(f"{bound.name}: {bound.acc_width} bits", loc="left", fontsize="medium")
        axes.set_xticks(at)
        axes.set_ylabel("raw")
        axes.margins(0.01, 0.1)
        axes.use_sticky_edges = False
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.axes[-1].set_xlabel("channel; phase of the last layer")
    figure.suptitle(f"{found.network.name} {found.network.content_hash()[:12]}")
    with atomic(path) as part:
        figure.savefig(part)
