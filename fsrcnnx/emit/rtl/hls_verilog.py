"""The Verilog that Vitis HLS wrote, as it comes: its ports, its streams, its memories.

May import the errors. What is not one stream in and one out is refused, and so is a memory that
would stay empty in silence.

    streams(read_ports(text, "fsrcnnx_hls", "fsrcnnx_hls.v"), "fsrcnnx_hls.v")

Source of the port names: AMD UG1399, "AXI4-Stream Interfaces" (data is padded to whole bytes) and
"Block-Level Control Protocols".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import manifests
from fsrcnnx.emit.literal import literals
from fsrcnnx.errors import InputError

CONTROL = {"ap_clk": "clk_i", "ap_rst_n": "rst_ni", "ap_start": "1'b1", "ap_continue": "1'b1"}
STATUS = ("ap_done", "ap_ready", "ap_idle")
READ = re.compile(r'\$readmemh\s*\(\s*"([^"]*)"\s*,\s*(\w+)\s*\)\s*;')


@dataclass(frozen=True)
class Port:
    """A port of the HLS top.

    Args:
        name: Its name.
        output: Whether it is an output.
        width: Bits.
    """

    name: str
    output: bool
    width: int


@dataclass(frozen=True)
class Stream:
    """An AXI4-Stream of the HLS top.

    Args:
        name: Its ports' common part, e.g. `lr` of lr_TDATA.
        width: Bits of TDATA.
    """

    name: str
    width: int


def read_ports(text: str, module: str, where: str) -> list[Port]:
    """Read the ports of a Verilog module, declared in the header or after it.

    Args:
        text: Verilog source.
        module: Name of the module.
        where: File, for the error.

    Returns:
        Ports in order.

    Raises:
        InputError: If the module is not there or has no ports.
    """
    text = re.sub(r"//[^\n]*|/\*.*?\*/|\(\*.*?\*\)", "", text, flags=re.S)
    found = re.search(rf"\bmodule\s+{re.escape(module)}\b(.*?)\bendmodule\b", text,
                      re.S | re.ASCII)
    if not found:
        raise InputError(f"module {module} is missing", where=where,
                         allowed="the Verilog that HLS made", fix="run `fsrcnnx hls-synth` again")
    # tasks and functions would have inputs of their own
    body = re.sub(r"\b(task|function)\b.*?\bend\1\b", "", found[1], flags=re.S)
    ports = [
        Port(name, direction == "output", int(high or 0) + 1)
        for direction, high, name in re.findall(
            r"\b(input|output)\s+(?:wire\s+|reg\s+|logic\s+)*(?:\[\s*(\d+)\s*:\s*0\s*\]\s*)?(\w+)"
            r"\s*(?=[;,)])", body, re.ASCII)]
    if not ports:
        raise InputError(f"module {module} has no ports that can be read", where=where,
                         allowed="input or output, [N:0], name")
    return ports


def streams(ports: list[Port], where: str) -> tuple[Stream, Stream, list[Port]]:
    """Sort the ports of an HLS top into one stream in, one out, and block control.

    Args:
        ports: Its ports.
        where: File, for the error.

    Returns:
        The input, the output, and the other ports.

    Raises:
        InputError: If there is another number of streams, or a port of another kind.
    """
    by_name, sides = {port.name: port for port in ports}, ([], [])
    used = set()
    for port in ports:
        if port.name.endswith("_TDATA"):
            name = port.name.removesuffix("_TDATA")
            used |= {f"{name}_{part}" for part in ("TDATA", "TVALID", "TREADY")}
            sides[port.output].append(Stream(name, port.width))
    if [len(side) for side in sides] != [1, 1]:
        raise InputError(f"{len(sides[0])} streams in and {len(sides[1])} out", where=where,
                         allowed="one AXI4-Stream each",
                         fix="convert with io_stream, one input and one output")
    missing = sorted(({"ap_clk", "ap_rst_n"} | used) - set(by_name))
    if missing:
        raise InputError(f"port {', '.join(missing)} is missing", where=where,
                         allowed="the ports of axis streams with a reset, active low")
    other = [port for port in ports if port.name not in used]
    strange = [port.name for port in other if port.name not in (*CONTROL, *STATUS)]
    if strange:
        raise InputError(f"port {', '.join(strange)} has no place", where=where,
                         allowed=", ".join((*CONTROL, *STATUS)),
                         fix="only axis ports and block control can be wrapped")
    return sides[0][0], sides[1][0], other


def filled(text: str, path: Path) -> str:
    """Replace the memory files of a Verilog source by their words, so that it runs anywhere.

    Args:
        text: The source, as HLS wrote it.
        path: Where it lies, the files that it reads beside it.

    Returns:
        The source, each `$readmemh` turned into one assignment a word.

    Raises:
        InputError: If a file is missing or holds something else than hex words, or a memory is
            read in another way: it would stay empty in silence.
    """
    def words(call: re.Match) -> str:
        source = path.parent / Path(call[1]).name
        if source.exists():
            manifests.inside(source.parent, source.name, path)
        try:
            lines = source.read_text(encoding="utf-8").splitlines()
            found = [line.strip() for line in lines if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"a memory of {path.name} cannot be read", where=source,
                             fix="run `fsrcnnx hls-synth` on the project again") from error
        if not found or not all(re.fullmatch(r"[0-9a-fA-F]+", word) for word in found):
            raise InputError("not the words of a memory", where=source, allowed="hex, one a line")
        return " ".join(["begin", *(f"{call[2]}[{place}] = {_number(word)};"
                                    for place, word in enumerate(found)), "end"])
    text = re.sub(READ, words, text)
    if "$readmem" in text:
        line = text[:text.index("$readmem")].count("\n") + 1
        raise InputError(f"a memory that is read in an unknown way, line {line}", where=path,
                         allowed='$readmemh("FILE", MEMORY);')
    return text


def _number(word: str) -> str:
    """One number of hex digits, as an expression."""
    parts = literals(word, 4 * len(word))
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"
