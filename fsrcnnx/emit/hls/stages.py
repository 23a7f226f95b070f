"""The stages of an HLS project: the integer network as hls4ml's layers, every type decided.

May import numpy, the integer side, the errors; not hls4ml. A deconvolution becomes a convolution
with one output channel per phase (TDC) and a depth-to-space, which a shuffle is already; a
convolution keeps its exact sum until the last stage of its layer rounds once, half to even.

    lr -> feature -> feature_prelu -> ... -> deconv -> [deconv_anchor] -> deconv_subpixel

    for stage in lay_out(network, 960, 540): print(stage.name, stage.types)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact import ranges, tdc
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.onnx.write import bias_format
from fsrcnnx.exact.ranges import LayerRange

INPUT, OUTPUT = "lr", "hr"


def exact(to: Format) -> str:
    """Write the C++ type of values that need no rounding, as hls4ml spells it."""
    return str(to)


def rounded(to: Format) -> str:
    """Write the C++ type that rounds half to even and saturates, as hls4ml spells it."""
    return f"{str(to)[:-1]},AP_RND_CONV,AP_SAT,0>"


@dataclass(frozen=True, eq=False)
class Stage:
    """One hls4ml layer.

    Args:
        name: Its name in hls4ml.
        layer: Name of the network's layer that it belongs to.
        kind: hls4ml's class of it.
        types: C++ type of each of its variables: `result`, and `accum`, `weight`, `bias`, `slope`.
        channels: Values per output beat.
        attributes: What hls4ml wants to know of it, weights as float64.
        inputs: Names of the stages that feed it.
        pad: Rows and columns of zeros before and after its input: (before, after).
    """

    name: str
    layer: str
    kind: str
    types: dict[str, str]
    channels: int
    attributes: dict[str, object] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    pad: tuple[int, int] = (0, 0)

    @property
    def products(self) -> tuple[int, int]:
        """Inputs and outputs of a convolution's matrix product, else (0, 0)."""
        if self.kind != "Conv2D":
            return 0, 0
        rows, cols, n_in, n_out = self.attributes["weight_data"].shape
        return rows * cols * n_in, n_out


def _kernel(layer: Layer) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """A layer as one stride-1 convolution: raw (rows, cols, in, out), bias (out,), padding."""
    side, before = tdc.window(layer)
    out, phases = layer.out_channels, tdc.phases(layer)
    kernel = np.zeros((side, side, layer.in_channels, len(phases) * out), np.int64)
    for phase in phases:
        y, x = before + phase.row.first, before + phase.col.first
        rows, cols = phase.weight.shape[2:]
        kernel[y : y + rows, x : x + cols, :, phase.index * out : (phase.index + 1) * out] = (
            phase.weight.transpose(2, 3, 1, 0))
    bias = np.concatenate([phase.bias for phase in phases])
    return kernel, bias, (before, side - 1 - before)


def _convolution(layer: Layer, source: str, size: tuple[int, int], types: dict[str, str],
                 acc_frac: int) -> Stage:
    """The stage that multiplies and sums."""
    (width, height), (kernel, bias, (before, after)) = size, _kernel(layer)
    side, _, n_in, n_out = kernel.shape
    attributes = {
        "data_format": "channels_last",
        "in_height": height, "in_width": width, "out_height": height, "out_width": width,
        "n_chan": n_in, "n_filt": n_out, "filt_height": side, "filt_width": side,
        "stride_height": 1, "stride_width": 1,
        "pad_top": before, "pad_left": before, "pad_bottom": after, "pad_right": after,
        "weight_data": kernel * layer.weight_format.step, "bias_data": bias * 2.0**-acc_frac,
    }
    return Stage(layer.name, layer.name, "Conv2D", types, n_out, attributes, (source,),
                 (before, after))


def _check(network: Network, width: int, height: int) -> None:
    """Refuse what a project cannot be made of."""
    network.check()
    for name, side in (("--width", width), ("--height", height)):
        if not 1 <= side <= limits.FRAME_SIDE:
            raise InputError(f"{side} pixels", where=name, allowed=f"1..{limits.FRAME_SIDE}")
    for layer in network.layers:
        if layer.slope_format and layer.slope_format.frac < 0:
            raise Unrepresentable(f"slopes in {layer.slope_format}", where=f"layer {layer.name}",
                                  allowed="0 or more fraction bits in HLS")


def lay_out(network: Network, width: int, height: int,
            proved: Sequence[LayerRange] | None = None) -> tuple[Stage, ...]:
    """Lay a network out as hls4ml layers.

    Args:
        network: An integer network.
        width: LR frame width.
        height: LR frame height.
        proved: The ranges of its layers, if they are at hand.

    Returns:
        The stages in order, the input first.

    Raises:
        InputError: If the frame size is out of range.
        Unrepresentable: If the network cannot be represented, or two names would be the same.
    """
    _check(network, width, height)
    stages = [Stage(INPUT, INPUT, "InputLayer", {"result": exact(network.in_format)}, 1,
                    {"input_shape": [height, width, 1]})]
    proved = ranges.prove(network) if proved is None else proved
    for index, (layer, bound) in enumerate(zip(network.layers, proved, strict=True)):
        acc = Format(True, bound.acc_width, network.acc_frac(index))
        anchored = network.anchor and index == len(network.layers) - 1
        # the last stage that computes rounds; those before it hand on exact sums
        computing = ["", *["anchor"] * anchored, *["prelu"] * (layer.slope is not None)]
        result = {part: exact(acc) for part in computing}
        result[computing[-1]] = rounded(layer.out_format)
        types = {"result": result[""], "accum": exact(acc), "weight": exact(layer.weight_format),
                 "bias": exact(bias_format(layer, acc.frac))}
        stages.append(_convolution(layer, stages[-1].name, (width, height), types, acc.frac))
        channels = stages[-1].channels

        def add(part: str, kind: str, types: dict[str, str], attributes: dict[str, object],
                *more: str, name: str = layer.name, channels: int = channels) -> None:
            stages.append(Stage(f"{name}_{part}", name, kind, types, channels, attributes,
                                (stages[-1].name, *more)))

        if anchored:
            add("anchor", "FsrcnnxAnchor", {"result": result["anchor"]}, {"n_chan": channels},
                INPUT)
        if layer.slope is not None:
            slope = np.tile(layer.slope, layer.stride**2) * layer.slope_format.step
            add("prelu", "FsrcnnxPReLU", {"result": result["prelu"],
                                          "slope": exact(layer.slope_format)},
                {"slope_data": slope})
        if layer.stride > 1:
            add("subpixel", "FsrcnnxDepthToSpace", {"result": rounded(layer.out_format)},
                {"block": layer.stride, "crd": False}, channels=layer.out_channels)
    names = [stage.name.lower() for stage in stages]
    for name in names:
        # hls4ml looks settings up by the name in lower case, and adds layers of these two prefixes
        if names.count(name) > 1 or name == "input" or name.startswith(("zp2d_", "clone_")):
            raise Unrepresentable(
                f"a layer called {name!r} in hls4ml", where=network.name,
                allowed=f"names that differ in more than case, and from {INPUT}, input, zp2d_*, "
                "clone_*", fix="rename the layer")
    return tuple(stages)
