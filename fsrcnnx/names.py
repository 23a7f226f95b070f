"""Names that come from files: what may be one.

Imports the limits. Names of networks and layers reach generated SystemVerilog, C, C++, Tcl
and Makefiles, file names and terminals; no other text of a file does. They are held against these
patterns where a network or a manifest is read, so that nothing has to be escaped where it is
written. A layer's name never stands alone there (hls4ml adds `_weight_t` and its like), so that a
keyword is a good name.

    is_network("fsrcnn-x_x2"), is_layer("map1")     # (True, True)
"""

from __future__ import annotations

import re

from fsrcnnx import limits

LAYER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PREFIX = "fsrcnnx"  # of modules, packages and files of a core, unless another is asked for
# what the patterns say, for errors
LAYER_SAYS = f"letters, digits and _, not starting with a digit, at most {limits.NAME}"
# how a name of the family spells its shape (learn.shapes), for errors and help
SPELT = "d16s9m4f3l3a_x2 (d, s channels, m mapping layers, first and last kernel f and l, a: " \
    "with anchor, x2 to x4; l9p4: padded by 4), n64n32f9f1f5_x2 (SRCNN: channels n, kernels f) " \
    "or n16t4f5f3t4p_x2 (p: PixelShuffle; t4: four times; pa: with anchor)"
PREFIX_SAYS = f"letters, digits and _, a letter first, no _ at the end, at most {limits.PREFIX}"
NETWORK_SAYS = f"letters, digits, '.', '_' and '-', a letter or digit first, at most {limits.NAME}"


def is_layer(name: object) -> bool:
    """Tell whether something may be a layer's name: an identifier of C++ and SystemVerilog."""
    return isinstance(name, str) and len(name) <= limits.NAME and bool(LAYER.fullmatch(name))


def is_prefix(name: object) -> bool:
    """Tell whether something may stand before _top and its like."""
    return is_layer(name) and len(name) <= limits.PREFIX and name.strip("_") == name


def renamed(text: str, prefix: str) -> str:
    """Give modules, packages and files of a core their prefix.

    Args:
        text: A source, a file's name, or a text that speaks of them.
        prefix: The prefix.

    Returns:
        The text, with `prefix` for our own wherever a name begins with it.
    """
    # Verilator puts a V before the program that it makes
    return text if prefix == PREFIX else re.sub(rf"\b(V?){PREFIX}_", rf"\g<1>{prefix}_", text)


def is_network(name: object) -> bool:
    """Tell whether something may be a network's name."""
    return isinstance(name, str) and len(name) <= limits.NAME and bool(NETWORK.fullmatch(name))


def from_stem(stem: str) -> str:
    """Make a network's name of a file's, which may hold any character.

    Args:
        stem: The file's name without suffix.

    Returns:
        The stem itself if it is a name; else each run of other characters as one _, cut to length.
    """
    text = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).lstrip("._-")[: limits.NAME].rstrip("._-")
    return stem if is_network(stem) else text or "network"
