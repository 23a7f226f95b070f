"""Memory in blocks: what a memory takes of an ECP5, and how much of the anchor goes aside.

May import the standard library.

    blocks(36, 1920)
"""

from __future__ import annotations

from collections.abc import Sequence

SHAPES = {512: 36, 1024: 18, 2048: 9, 4096: 4, 8192: 2, 16384: 1}  # words of a block: their bits
FEW = 64  # words of a memory that Yosys makes of LUTs
SLICE = 36  # bits of the line memory that share an address counter


def blocks(bits: int, words: int) -> int:
    """Count the block RAMs of a memory.

    Args:
        bits: Of a word.
        words: Of the memory.

    Returns:
        Blocks of 18 kb, of the shape that holds all words; 0 for what is made of LUTs.
    """
    if words <= FEW:
        return 0
    depth = next((depth for depth in SHAPES if depth >= words), max(SHAPES))
    return -(-bits // SHAPES[depth]) * -(-words // depth)


def slices(bits: int) -> list[int]:
    """Cut the word of a line memory.

    Args:
        bits: Of a word.

    Returns:
        Bits of each slice.
    """
    return [min(SLICE, bits - at) for at in range(0, bits, SLICE)]


def aside(lines: Sequence[tuple[int, int]], pixel: int, width: int, words: int) -> int:
    """Choose how many of the anchor's bits pass the inner layers in a memory of their own.

    Args:
        lines: Of each inner layer, bits of its own lines and how many lines the anchor waits.
        pixel: Bits of the anchor.
        width: Words of the line memories.
        words: Words of the memory aside.

    Returns:
        Bits: those of the fewest blocks, then the most, since they take no registers.
    """
    def taken(away: int) -> int:
        return blocks(away, words) + sum(
            blocks(part, width) for own, after in lines
            for part in slices(own + after * (pixel - away)))

    return min(range(pixel + 1), key=lambda away: (taken(away), -away))
