"""The RTL folder of an HLS project: its Verilog behind the ports of fsrcnnx_top.

May import the errors and the formats, and the list of modules. Reads the ports of the Verilog that
Vitis HLS wrote, refuses what is not one stream in and one out, and writes an adapter, a package of
constants, and a folder that stands alone like that of `fsrcnnx rtl`.

    wrap(Path("project/fsrcnnx_hls_prj/solution1/syn/verilog"), manifest, Path("build/hls-rtl"))

Source of the port names: AMD UG1399, "AXI4-Stream Interfaces" (data is padded to whole bytes) and
"Block-Level Control Protocols".
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import __version__, manifests
from fsrcnnx.emit.literal import literals
from fsrcnnx.emit.rtl.folder import source_dir
from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import Format
from fsrcnnx.owned import whole_folder

TOP = "fsrcnnx_hls_top"
MODULES = ("skid", "axis_guard", "hls_top")  # users after what they use
DIM_BITS = 15  # any frame size that fsrcnnx_top could be asked for can be told from the right one
CARRIED = ("network", "content_hash", "scale", "width", "height", "in_format", "out_format")
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


def adapter(ports: list[Port], top: str, bits: tuple[int, int], where: str) -> str:
    """Write fsrcnnx_hls_ip.sv, which gives the HLS top the port names of our stages.

    Args:
        ports: Ports of the HLS top.
        top: Its name.
        bits: Bits of an LR and of an HR pixel.
        where: File, for the error.

    Returns:
        The module.

    Raises:
        InputError: If the ports are not those of one stream in and one out of these pixels.
    """
    lr, hr, other = streams(ports, where)
    for stream, width in ((lr, bits[0]), (hr, bits[1])):
        if stream.width != -(-width // 8) * 8:
            raise InputError(f"{stream.name}_TDATA has {stream.width} bits", where=where,
                             allowed=f"{-(-width // 8) * 8}, one pixel of {width} bits in bytes")
    status = [port.name for port in other if port.name in STATUS]
    padding = lr.width - bits[0]
    pins = {port.name: CONTROL.get(port.name, f"unused_{port.name}") for port in other}
    pins |= {f"{lr.name}_TDATA": f"{{{padding}'b0, in_data_i}}" if padding else "in_data_i",
             f"{lr.name}_TVALID": "in_valid_i", f"{lr.name}_TREADY": "in_ready_o",
             f"{hr.name}_TDATA": "hr_data", f"{hr.name}_TVALID": "out_valid_o",
             f"{hr.name}_TREADY": "out_ready_i"}
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// Adapter around {top}, the top of an HLS project; made by fsrcnnx {__version__}.",
        "// It runs for ever: started at once, and again with each frame's end.",
        "", "`default_nettype none", "",
        "module fsrcnnx_hls_ip (",
        "  input  wire logic clk_i,",
        "  input  wire logic rst_ni,",
        "  input  wire logic in_valid_i,",
        "  output logic      in_ready_o,",
        f"  input  wire logic [{bits[0] - 1}:0] in_data_i,",
        "  output logic      out_valid_o,",
        "  input  wire logic out_ready_i,",
        f"  output logic [{bits[1] - 1}:0] out_data_o",
        ");", "",
        f"  wire logic [{hr.width - 1}:0] hr_data;",
        *(f"  wire logic unused_{name};" for name in status),
        *([f"  wire logic unused_padding = &hr_data[{hr.width - 1}:{bits[1]}];"]
          if hr.width > bits[1] else []),
        "",
        f"  assign out_data_o = hr_data[{bits[1] - 1}:0];", "",
        f"  {top} u_hls (",
        ",\n".join(f"    .{name}({pin})" for name, pin in pins.items()),
        "  );", "", "endmodule", "", "`default_nettype wire", ""]
    return "\n".join(lines)


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


def package(manifest: dict, bits: tuple[int, int]) -> str:
    """Write fsrcnnx_hls_pkg.sv.

    Args:
        manifest: Of the HLS project.
        bits: Bits of an LR and of an HR pixel.

    Returns:
        The package.
    """
    values = {"IN_BITS": bits[0], "OUT_BITS": bits[1], "SCALE": manifest["scale"],
              "FRAME_WIDTH": manifest["width"], "FRAME_HEIGHT": manifest["height"],
              "DIM_BITS": DIM_BITS}
    return ("// SPDX-License-Identifier: Apache-2.0\n"
            f"// Constants of {manifest['network']} from HLS, made by fsrcnnx {__version__}; "
            "do not edit.\n\npackage fsrcnnx_hls_pkg;\n\n"
            "  // SHA-256 of the integer network\n"
            f"  localparam bit [255:0] CONTENT_HASH = 256'h{manifest['content_hash']};\n\n"
            + "".join(f"  localparam int {name} = {value};\n" for name, value in values.items())
            + "\nendpackage\n")


def wrap(verilog: Path, manifest: dict, out_dir: Path) -> dict:
    """Write the RTL folder of an HLS project.

    Args:
        verilog: Folder of what HLS made: Verilog, and memories beside it, which go into it.
        manifest: Of the HLS project: network, content_hash, top, width, height, scale, in_format,
            out_format.
        out_dir: The folder; it appears whole or not at all.

    Returns:
        Its manifest.

    Raises:
        InputError: If the Verilog is missing or has other ports, or the folder cannot be written.
    """
    verilog, out_dir = Path(verilog), Path(out_dir)
    top = manifests.check(manifest, verilog, "top", *CARRIED)["top"]
    made = [manifests.inside(verilog, path.name, verilog) for path in sorted(verilog.glob("*"))
            if path.suffix in (".v", ".sv")]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in made}
    holders = [path for path, text in texts.items()
               if re.search(rf"\bmodule\s+{re.escape(top)}\b", text, re.ASCII)]
    if len(holders) != 1:
        raise InputError(f"{len(holders)} files with module {top}", where=verilog, allowed="one",
                         fix="run `fsrcnnx hls-synth` on the project")
    bits = tuple(Format.parse(manifest[key]).width for key in ("in_format", "out_format"))
    ours = {"fsrcnnx_hls_pkg.sv": package(manifest, bits),
            "fsrcnnx_hls_ip.sv": adapter(
                read_ports(texts[holders[0]], top, str(holders[0])), top, bits, str(holders[0]))}
    packages = [path.name for path in made if path.name.endswith("_pkg.sv")]
    names = [*packages, "fsrcnnx_hls_pkg.sv",
             *(path.name for path in made if path.name not in packages), "fsrcnnx_hls_ip.sv"]
    names += [name for name in (f"fsrcnnx_{module}.sv" for module in MODULES) if name not in names]
    described = {"made_by": f"fsrcnnx {__version__}", "top": TOP, "hls_top": top, "files": names,
                 **{key: manifest[key] for key in CARRIED},
                 "prescale": manifest.get("prescale", 1)}
    with whole_folder(out_dir, "an RTL folder") as folder:
        for module in MODULES:
            name = f"fsrcnnx_{module}.sv"
            shutil.copyfile(source_dir() / name, folder / name)
        for path, text in texts.items():
            (folder / path.name).write_text(filled(text, path), encoding="utf-8")
        shutil.copyfile(source_dir() / "LICENSE", folder / "LICENSE")
        for name, text in ours.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "files.f").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        (folder / "manifest.json").write_text(json.dumps(described, indent=2) + "\n",
                                              encoding="utf-8")
    return described
