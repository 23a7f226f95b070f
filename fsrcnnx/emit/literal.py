"""Numbers of any width as SystemVerilog literals that every tool reads.

May import the standard library. Icarus reads no token of 16 KB, and Verilator no number of more
than 65,536 bits, so a wide one is written as several, as in a concatenation.

    print(", ".join(literals("0ff", 12)))     # 12'h0ff
"""

from __future__ import annotations

MOST_BITS = 4096  # of one literal; far below what the tools read


def literals(digits: str, bits: int) -> list[str]:
    """Write a number.

    Args:
        digits: Its hex digits, as many as the width asks for.
        bits: Its width.

    Returns:
        Sized hex literals, the high part first: one where the width allows it.
    """
    step = MOST_BITS // 4
    first = len(digits) % step or min(step, len(digits))
    parts = [digits[:first], *(digits[at:at + step] for at in range(first, len(digits), step))]
    high = bits - MOST_BITS * (len(parts) - 1)
    return [f"{size}'h{part}" for size, part in
            zip([high, *[MOST_BITS] * (len(parts) - 1)], parts, strict=True)]
