"""The RTL folder of an HLS project: its Verilog behind the ports of fsrcnnx_top.

May import the errors, the formats and the reader of that Verilog. Writes an adapter, a package of
constants, and a folder that stands alone like that of `fsrcnnx rtl`.

    wrap(Path("project/fsrcnnx_hls_prj/solution1/syn/verilog"), manifest, Path("build/hls-rtl"))
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from fsrcnnx import __version__, manifests
from fsrcnnx.emit.rtl.folder import source_dir
from fsrcnnx.emit.rtl.hls_verilog import CONTROL, STATUS, Port, filled, read_ports, streams
from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import Format
from fsrcnnx.owned import whole_folder

TOP = "fsrcnnx_hls_top"
MODULES = ("skid", "turn", "axis_guard", "hls_top")  # users after what they use
DIM_BITS = 15  # any frame size that fsrcnnx_top could be asked for can be told from the right one
CARRIED = ("network", "content_hash", "scale", "width", "height", "in_format", "out_format")


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
