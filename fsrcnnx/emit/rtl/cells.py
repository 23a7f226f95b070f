"""What surrounds a layer's sums: the clocks and widths of the hand-written cells.

May import the integer network. The numbers are those of the modules in rtl/: the column, the PReLU
by constant slopes or by a multiplier, the requantisation, the register that gathers slices.

    latency(layer, True, sums=12, slices=1)
"""

from __future__ import annotations

from fsrcnnx.exact.formats import adders
from fsrcnnx.exact.network import Layer

COLUMN = 5       # latency of fsrcnnx_column where there is a line memory
PRELU = 3        # of fsrcnnx_prelu
REQUANTISE = 2   # of fsrcnnx_requantise


def slope_bits(layer: Layer) -> int:
    """Bits of a layer's slopes as signed numbers.

    Args:
        layer: A layer with or without slopes.

    Returns:
        Bits; 1 without slopes.
    """
    fmt = layer.slope_format
    return fmt.width + (not fmt.signed) if fmt else 1


def slope_cycles(layer: Layer, slices: int = 1) -> int:
    """Give the latency of a layer's PReLU.

    Args:
        layer: A layer with or without slopes.
        slices: Of its sums; where there is one, slopes are constants.

    Returns:
        Clocks; 0 without slopes.
    """
    if layer.slope is None:
        return 0
    return PRELU if slices > 1 else max(1, int(adders(layer.slope).max()))


def slope_adders(layer: Layer, outputs: int) -> int:
    """Count the adders of a layer's constant slopes.

    Args:
        layer: A layer with or without slopes.
        outputs: How many are computed at once, phase by phase.

    Returns:
        Adders.
    """
    if layer.slope is None:
        return 0
    return outputs // layer.out_channels * int(adders(layer.slope).sum())


def value_bits(layer: Layer, acc_bits: int) -> int:
    """Give the width of a value after the activation.

    Args:
        layer: A layer with or without slopes.
        acc_bits: Bits of its accumulators.

    Returns:
        Bits of a signed value.
    """
    if layer.slope is None:
        return acc_bits
    size = max(abs(int(slope)).bit_length() for slope in layer.slope)
    return acc_bits + max(size, layer.slope_format.frac)


def latency(layer: Layer, lines: bool, sums: int, slices: int) -> int:
    """Give the latency of a layer, lines, steps and the anchor aside.

    Args:
        layer: A layer.
        lines: Whether lines of its input are stored.
        sums: Clocks from a window's newest column to its last slice of sums.
        slices: Of its sums.

    Returns:
        Clocks from a window's newest step to its outputs.
    """
    return ((COLUMN if lines else 0) + sums + slope_cycles(layer, slices) + REQUANTISE
            + (slices > 1))
