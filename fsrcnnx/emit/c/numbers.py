"""Arrays of integers as C text.

May import numpy.

    print(constant("int8_t", "weight_0", np.arange(4).reshape(2, 2)))
"""

from __future__ import annotations

import numpy as np

WIDTH = 96  # columns of a line


def _lines(words: list[str], indent: str) -> str:
    """Break words into lines, commas between them."""
    lines, line = [], ""
    for word in words:
        if line and len(indent) + len(line) + len(word) + 3 > WIDTH:
            lines.append(f"{indent}{line},")
            line = ""
        line += f", {word}" if line else word
    return "\n".join([*lines, f"{indent}{line}"])


def _braced(raw: np.ndarray, indent: str) -> str:
    """An array in braces, nested as its shape; a row on a line of its own where it fits."""
    if raw.ndim == 1:
        row = f"{indent}{{{', '.join(map(str, raw.tolist()))}}}"
        if len(row) < WIDTH:
            return row
        return f"{indent}{{\n{_lines([str(n) for n in raw.tolist()], indent + '    ')}\n{indent}}}"
    inner = ",\n".join(_braced(part, indent + "    ") for part in raw)
    return f"{indent}{{\n{inner}\n{indent}}}"


def constant(kind: str, name: str, raw: np.ndarray) -> str:
    """Write a constant array.

    Args:
        kind: C type of its elements, which holds them.
        name: Its name.
        raw: Integers, one dimension or more, none of them empty.

    Returns:
        Its definition, private to the source.
    """
    sizes = "".join(f"[{size}]" for size in raw.shape)
    return f"static const {kind} {name}{sizes} =\n{_braced(raw, '')};\n"
