"""A core after synthesis as a folder that simulates like the core: gate level for the ladder.

May import the ground and the synthesis. For the ECP5 the netlist is what place and route would
take, passes included; its cells are sim/ecp5_cells.v. For the 7 series it has memories of LUTs and
no DSP48E1, whose packing Yosys is known to get wrong; its cells are Yosys' own models, put in their
places. The folder's manifest is the core's.

    simulate(write(Path("build/rtl"), Path("build/netlist")), [lr])
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from fsrcnnx import manifests
from fsrcnnx.errors import CheckError
from fsrcnnx.files import carried
from fsrcnnx.owned import whole_folder
from fsrcnnx.prove import plain_adders, synth
from fsrcnnx.prove.carry_ends import OPEN, trim
from fsrcnnx.prove.ram_register import absorb

# a module that keeps its hierarchy shares no register with its twins; at the end all is flat
COMMAND = (f"{plain_adders.PASSES}; synth_ecp5 -no-rw-check{{noabc9}} -top {{top}}; "
           "setattr -mod -unset keep_hierarchy; flatten")
MADE = f"{COMMAND}, registers into block RAM: 2"  # what else decides: goes into keys
XILINX = ("synth_xilinx -family xc7 -nodsp -nobram -noiopad -noclkbuf -top {top}; "
          "setattr -mod -unset keep_hierarchy; flatten; "
          "techmap -wb -autoproc -map +/xilinx/cells_sim.v; opt_clean; "
          "write_verilog -noattr netlist")
CELLS, NETLIST = "ecp5_cells.v", "netlist.v"
KIND = "a netlist folder"
TRUTH = {"LUT4": ("INIT",), "CCU2C": ("INIT0", "INIT1")}
BITS = {"0": "1'b0", "1": "1'b1", "x": "1'bx", "z": "1'bz"}


def made(trimmed: bool = True) -> str:
    """Say how a netlist is made, for keys.

    Args:
        trimmed: Whether the ends of carry chains are.

    Returns:
        A text that is another one where the netlist may be.
    """
    return f"{MADE}, carry ends: 1" if trimmed else MADE


def mapped(folder: Path, top: str = synth.TOP, trimmed: bool = True) -> tuple[dict, int, str]:
    """Synthesise a core for the ECP5, flat, as place and route takes it.

    Args:
        folder: Folder that `fsrcnnx rtl` wrote.
        top: Name of the top module.
        trimmed: Whether the ends of carry chains are.

    Returns:
        The netlist as Yosys' JSON, the flip-flops that went into block RAMs, and the tool.

    Raises:
        ToolError: If Yosys is missing or was killed.
        CheckError: If Yosys refuses the folder.
    """
    netlist, tool = synth.run_yosys(folder, COMMAND, top, {plain_adders.FILE: plain_adders.MAP})
    if trimmed:
        trim(netlist, top)
    return netlist, absorb(netlist, top), tool


def _bits(bits: list) -> str:
    """Nets as an expression, the first in the low bit."""
    words = [BITS[bit] if isinstance(bit, str) else f"n{bit}" for bit in reversed(bits)]
    return words[0] if len(words) == 1 else f"{{{', '.join(words)}}}"


def _value(text: str) -> str:
    """A parameter: bits, or a text, behind which Yosys puts a space if it looks like bits."""
    if re.fullmatch(r"[01xz]+", text):
        return f"{len(text)}'b{text}"
    return f'"{text[:-1] if re.fullmatch("[01xz]* +", text) else text}"'


def verilog(netlist: dict, top: str = synth.TOP) -> str:
    """Write a flat netlist.

    Args:
        netlist: Yosys' JSON.
        top: Name of the module.

    Returns:
        Verilog: a wire for each net, an instance for each cell.

    Raises:
        CheckError: If a name in it is none.
    """
    module = netlist["modules"][top]
    ports, assigns, cells, nets = [], [], [], set()
    for name, port in module["ports"].items():
        ports.append(f"{port['direction']} [{len(port['bits'])}-1:0] {name}")
        for at, bit in enumerate(port["bits"]):
            mine = f"{name}[{at}]"
            assigns.append(f"  assign n{bit} = {mine};" if port["direction"] == "input" else
                           f"  assign {mine} = {_bits([bit])};")
            nets |= {bit} - set(BITS)
    for number, cell in enumerate(cell for cell in module["cells"].values()
                                  if cell["type"] != "$scopeinfo"):
        # truth tables are inputs of the models: as parameters each would be a module of its own
        tables = [f".{key}({_value(cell['parameters'][key])})"
                  for key in TRUTH.get(cell["type"], ())]
        given = ", ".join(f".{key}({_value(value)})" for key, value in cell["parameters"].items()
                          if key not in TRUTH.get(cell["type"], ()))
        pins = ", ".join([*(
            f".{pin}()" if bits == [OPEN] and cell["port_directions"][pin] == "output" else
            f".{pin}({_bits(bits)})" for pin, bits in cell["connections"].items()), *tables])
        cells.append(f"  {cell['type']} #({given}) c{number} ({pins});")
        nets |= {bit for bits in cell["connections"].values() for bit in bits} - set(BITS)
    names = [top, *module["ports"], *{cell["type"] for cell in module["cells"].values()}]
    if odd := [name for name in names if not re.fullmatch(r"\$scopeinfo|[A-Za-z_]\w*", name)]:
        raise CheckError(f"a cell or port {odd[0]!r}", where=top, allowed="cells of the ECP5")
    wires = "".join(f"  wire n{net};\n" for net in sorted(nets))
    return (f"`define FSRCNNX_NETLIST\nmodule {top} (\n  " + ",\n  ".join(ports) + "\n);\n" + wires
            + "\n".join([*assigns, *cells]) + "\nendmodule\n")


def write(folder: Path, out: Path, family: str = "ecp5") -> Path:
    """Write the netlist of a core.

    Args:
        folder: Folder that `fsrcnnx rtl` wrote.
        out: Folder to write.
        family: ecp5, or xc7 for the 7 series.

    Returns:
        It.

    Raises:
        InputError: If a folder cannot be used.
        ToolError: If Yosys is missing or was killed.
        CheckError: If Yosys refuses the core.
    """
    manifest = manifests.read(folder)
    top = manifests.top(manifest)
    if family == "xc7":
        text, tool = synth.yosys_text(folder, XILINX, top)
        return _folder(folder, manifest, out, {NETLIST: f"`define FSRCNNX_NETLIST\n{text}"},
                       tool)
    netlist, _, tool = mapped(folder, top)
    cells = (carried("sim", CELLS) / CELLS).read_text(encoding="utf-8")
    return _folder(folder, manifest, out, {CELLS: cells, NETLIST: verilog(netlist, top)}, tool)


def _folder(core: Path, manifest: dict, out: Path, texts: dict[str, str], tool: str) -> Path:
    """Write a netlist's folder: the core's package and manifest, and what is given."""
    package = f"{manifests.prefix(manifest)}_pkg.sv"
    names = [package, *texts]
    with whole_folder(out, KIND) as new:
        shutil.copyfile(manifests.inside(core, package, core), new / package)
        for name, text in (*texts.items(), (manifests.LIST, "".join(f"{n}\n" for n in names)),
                           (manifests.MANIFEST, json.dumps(
                               {**manifest, "netlist": tool, "files": names}, indent=2) + "\n")):
            (new / name).write_text(text, encoding="utf-8")
    return out
