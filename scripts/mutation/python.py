# SPDX-License-Identifier: Apache-2.0
"""Operators on Python, by its syntax tree: comparisons, arithmetic, constants, indices, conditions.

A new swap is an entry of SWAPS. Docstrings, annotations, imports, what is raised, `strict=` of zip
(a check, too) and the fields of dataclasses are left alone.

    for mutant in mutants("fsrcnnx/exact/tdc.py", text): ...
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from scripts.mutation.mutant import Mutant, planted

SWAPS = {  # node of an operator -> its sign, and what may stand there instead
    ast.Add: ("+", ("-",)), ast.Sub: ("-", ("+",)), ast.Mult: ("*", ("+",)),
    ast.FloorDiv: ("//", ("*",)), ast.Mod: ("%", ("//",)), ast.Pow: ("**", ("*",)),
    ast.LShift: ("<<", (">>",)), ast.RShift: (">>", ("<<",)), ast.BitAnd: ("&", ("|",)),
    ast.BitOr: ("|", ("&",)), ast.BitXor: ("^", ("|",)), ast.MatMult: ("@", ("*",)),
    ast.Lt: ("<", ("<=", ">=")), ast.LtE: ("<=", ("<", ">")), ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")), ast.Eq: ("==", ("!=",)), ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)), ast.IsNot: ("is not", ("is",)), ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)), ast.And: ("and", ("or",)), ast.Or: ("or", ("and",)),
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "ceil": "floor", "floor": "ceil",
         "hstack": "vstack", "maximum": "minimum", "minimum": "maximum"}
SKIPPED = (ast.Raise, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Assert)


class _Places:
    """Offsets in a text of the places that a syntax tree names by line and byte."""

    def __init__(self, text: str):
        self.lines = text.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.AST) -> tuple[int, int]:
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes whose change would change what is computed."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        children = [child for child in (value if isinstance(value, list) else [value])
                    if isinstance(child, ast.AST)]
        for child in children:
            text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            field = isinstance(node, ast.ClassDef) and isinstance(child, ast.AnnAssign)
            check = isinstance(child, ast.keyword) and child.arg == "strict"
            if not (text or field or check or isinstance(child, SKIPPED)):
                yield from _nodes(child)


def _sign(text: str, begin: int, end: int, sign: str) -> int:
    """Where a sign stands between two operands; brackets and blanks are all else there is."""
    return text.index(sign, begin, end)


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """Make every mutant of a file.

    Args:
        file: Path inside the checkout.
        text: Its text.

    Yields:
        Mutants.
    """
    places = _Places(text)

    def made(operator: str, at: int, end: int, to: str) -> Mutant:
        return planted(file, text, operator, at, text[at:end], to)

    def swapped(kind: type, left: ast.AST, right: ast.AST, operator: str) -> Iterator[Mutant]:
        sign, instead = SWAPS[kind]
        at = _sign(text, places.span(left)[1], places.span(right)[0], sign)
        for to in instead:
            yield made(operator, at, at + len(sign), to)

    for node in _nodes(ast.parse(text)):
        if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            if not isinstance(node.left, (ast.JoinedStr, ast.List, ast.Tuple)):
                yield from swapped(type(node.op), node.left, node.right, "arithmetic")
        elif isinstance(node, ast.AugAssign) and type(node.op) in SWAPS:
            yield from swapped(type(node.op), node.target, node.value, "arithmetic")
        elif isinstance(node, ast.Compare):
            for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators,
                                       strict=False):
                yield from swapped(type(op), left, right, "comparison")
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from swapped(type(node.op), left, right, "and, or")
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            at, end = places.span(node)
            for to in (node.value + 1, node.value - 1):
                yield made("constant", at, end, str(to) if to >= 0 else f"({to})")
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield made("constant", *places.span(node), str(not node.value))
        elif isinstance(node, ast.UnaryOp):
            at, end = places.span(node)[0], places.span(node.operand)[0]
            if isinstance(node.op, (ast.Not, ast.USub, ast.Invert)):
                yield made("sign or not dropped", at, end, "(" * text[at:end].count("("))
        elif isinstance(node, (ast.Name, ast.Attribute)):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in NAMES:
                end = places.span(node)[1]
                yield made("other function", end - len(name), end, NAMES[name])
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, (ast.Slice, ast.Tuple,
                                                                             ast.Constant)):
            yield made("index", *places.span(node.slice), f"({ast.unparse(node.slice)}) - 1")
        if isinstance(node, (ast.If, ast.IfExp, ast.While)):
            at, end = places.span(node.test)
            yield made("condition inverted", at, end, f"not ({text[at:end]})")
        if isinstance(node, ast.comprehension):
            for test in node.ifs:
                at, end = places.span(test)
                yield made("condition always", at, end, "True")
