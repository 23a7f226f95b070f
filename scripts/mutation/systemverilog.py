# SPDX-License-Identifier: Apache-2.0
"""Operators on SystemVerilog: a pattern for what is found in the code, and what stands there then.

A new operator is a line of OPERATORS. Comments, strings, attributes, ports, parameters, the checks
of parameters and assertions, which are checks too, are left alone. `<=` that assigns is told from
`<=` that compares.

    for mutant in mutants("rtl/fsrcnnx_skid.sv", text): ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.mutation.mutant import Mutant, planted

ASSIGNS = "\x01\x01"   # stands for an assigning <= while patterns look


@dataclass(frozen=True)
class Operator:
    """One kind of change.

    Args:
        name: Its name.
        pattern: What is looked for; its group `x`, or all of it, is replaced.
        becomes: What stands there instead; a template of re.Match.expand.
    """

    name: str
    pattern: str
    becomes: tuple[str, ...]


NUMBER = r"(?<![\w'.$])(?P<x>\d+)(?![\w'])"
OPERATORS = (
    Operator("and to or", r"&&", ("||",)),
    Operator("or to and", r"\|\|", ("&&",)),
    Operator("equal to unequal", r"==", ("!=",)),
    Operator("unequal to equal", r"!=", ("==",)),
    Operator("less by one", r"(?<![<>=])<(?![<>=])", ("<=", ">=")),
    Operator("less or equal by one", r"(?<![<])<=", ("<", ">")),
    Operator("greater by one", r"(?<![<>=])>(?![<>=])", (">=", "<=")),
    Operator("greater or equal by one", r"(?<![>])>=", (">", "<")),
    Operator("plus to minus", r" (?P<x>\+) ", ("-",)),
    Operator("minus to plus", r" (?P<x>-) ", ("+",)),
    Operator("times to plus", r" (?P<x>\*) ", ("+",)),
    Operator("off by one", NUMBER, ("+1", "-1")),
    Operator("bit flipped", r"1'b0", ("1'b1",)),
    Operator("bit flipped", r"1'b1", ("1'b0",)),
    Operator("zeros to ones", r"(?<![\w])'0", ("'1",)),
    Operator("not dropped", r"(?<![\w'])(?P<x>!)(?=[\w(])", ("",)),
    Operator("not dropped", r"(?P<x>~)(?=[\w(])", ("",)),
    Operator("sign dropped", r"\$signed(?=\()", ("$unsigned",)),
    Operator("sign dropped", r"logic (?P<x>signed )", ("",)),
    Operator("shift the other way", r"(?<!<)<<(?!<)", (">>",)),
    Operator("shift the other way", r"<<<", (">>>",)),
    Operator("shift the other way", r"(?<!>)>>(?!>)", ("<<",)),
    Operator("slice one up", r"\[(?P<x>[^\[\]:]+?) [+-]: ", (r"\g<x>+1",)),
    Operator("choice swapped", r"\? (?P<x>[^?:;{}\n]+ : [^?:;{}\n]+?)(?=;\n)", ("swap",)),
    Operator("register dropped", r"always_ff @\(posedge \w+\) (?P<l>[^;\n]*?) " + ASSIGNS
             + r" (?P<r>[^;]*);", (r"always_comb \g<l> = \g<r>;",)),
    Operator("register holds", r"(?:\n *|posedge \w+\) )(?P<x>[\w\[\]{}, :+*-]+ " + ASSIGNS
             + r" [^;]+);", ("",)),
    Operator("line removed", r"(?<=[ \n])(?P<x>(?:state_d|error|in_ready_o) += [^;]+);", ("",)),
    Operator("port held", r"\.(?:\w+_(?:valid|ready|step|line|live|pop|take|last|sof|eol|outside"
             r"|first|new)|step|line|live|pop|take|first|outside)_i\((?P<x>[^()]+)\)",
             ("1'b0", "1'b1")),
)
CONDITION = re.compile(r"\bif \(")   # its condition: the reset removed, an enable stuck
SKIPPED = re.compile(
    r"`ifndef SYNTHESIS.*?`endif|//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|\(\* .*? \*\)|`default_nettype \w+"
    r"|module \w+.*?\n\);|fsrcnnx_error_\w+|wire logic unused_[^;]*;"
    r"|if \([^;]*?\)\s+begin : gen_bad_\w+.*?\bend\b", re.S)


def _code(text: str) -> str:
    """The text with what is no code blanked, and with assigning <= marked; same length."""
    code = SKIPPED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    made, depth, assigned = list(code), 0, False
    for match in re.finditer(r"[(\[{]|[)\]}]|<=|(?<![=<>!])=(?!=)|;|\b(?:begin|end|else)\b", code):
        word = match[0]
        if word in "([{":
            depth += 1
        elif word in ")]}":
            depth -= 1
        elif word in (";", "begin", "end", "else"):
            assigned = assigned and depth > 0
        elif depth == 0 and not assigned:
            assigned = True
            if word == "<=":
                made[match.start() : match.end()] = ASSIGNS
    return "".join(made)


def closing(text: str, at: int) -> int:
    """Find the bracket that closes the one at a place.

    Args:
        text: Text.
        at: Place of an opening bracket.

    Returns:
        Place of its counterpart.
    """
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if depth == 0:
            return place
    raise AssertionError("a bracket is never closed")


def _replaced(operator: Operator, match: re.Match, becomes: str, was: str) -> str:
    """What stands instead of what an operator found."""
    if operator.name == "off by one":
        return str(int(was) + int(becomes)) if int(was) + int(becomes) >= 0 else was
    if becomes == "swap":
        return " : ".join(reversed(was.split(" : ")))
    return match.expand(becomes)


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """Make every mutant of a file.

    Args:
        file: Path inside the checkout.
        text: Its text.

    Yields:
        Mutants.
    """
    code = _code(text)
    for operator in OPERATORS:
        for match in re.finditer(operator.pattern, code):
            group = "x" if "x" in match.re.groupindex else 0
            at, end = match.span(group)
            was = text[at:end]
            for becomes in operator.becomes:
                to = _replaced(operator, match, becomes, was)
                declared = re.search(r"\n *(?:\(\* .* \*\) )?(?:wire +)?logic [^=\n]*$",
                                     text[:at])
                # a width in a declaration: lint's to see, or room that is not used
                if to != was and not (declared and operator.name != "sign dropped"):
                    yield planted(file, text, operator.name, at, was, to)
    for match in CONDITION.finditer(code):
        at = match.end() - 1
        end = closing(code, at)
        inside = text[at + 1 : end]
        if re.match(r"\s*begin : gen_", code[end + 1 :]):
            continue  # what is generated, not what is done
        for name, to in (("condition inverted", f"!({inside})"), ("condition never", "1'b0"),
                         ("condition always", "1'b1")):
            yield planted(file, text, name, at + 1, inside, to)
