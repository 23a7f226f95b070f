"""Synthesise an emitted folder with Yosys and count what it takes, per module instance.

May import the ground floor and the standard library. The folder is read as it is; hierarchy is
kept, so that every layer has its own figures (and nothing is optimised across its border).

    report = synth(Path("build/rtl"), "ecp5")
    report["total"]["dsp"]

Source: AMD UG974 (UltraScale libraries) and Lattice FPGA-DS-02012 (ECP5) for what a primitive is.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import manifests, processes, tools
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.files import scratch

TOP = "fsrcnnx_top"


@dataclass(frozen=True)
class Device:
    """An FPGA family as Yosys knows it.

    Args:
        family: Name for people.
        command: Yosys command that maps to it, hierarchy kept, no pads.
        count: Primitive (a pattern for its whole name) -> (resource, how many of it one takes).
        note: What the reader of the figures must know.
    """

    family: str
    command: str
    count: dict[str, tuple[str, int]]
    note: str


XILINX = {
    r"LUT[1-6]|INV": ("lut", 1),
    r"RAM32X1[DS]|RAM64X1[DS]|SRL16E|SRLC32E": ("lutram", 1),
    r"RAM128X1[DS]|RAM32M|RAM64M": ("lutram", 4),
    r"RAM256X1[DS]|RAM32M16|RAM64M8|RAM512X1S": ("lutram", 8),
    r"FD[RSCP]E": ("ff", 1),
    r"CARRY[48]": ("carry", 1),
    r"DSP48E[12]": ("dsp", 1),
    r"RAMB18E[12]": ("bram18", 1),
    r"RAMB36E[12]": ("bram36", 1),
    r"URAM288": ("uram", 1),
    r"MUXF[789]|IBUF|OBUF|BUFG|GND|VCC": ("", 0),  # part of a slice or of the pads
}
ECP5 = {
    r"LUT4": ("lut", 1),
    r"TRELLIS_DPR16X4": ("lutram", 4),
    r"TRELLIS_FF": ("ff", 1),
    r"CCU2C": ("carry", 1),
    r"MULT18X18D|ALU54B": ("dsp", 1),
    r"DP16KD|PDPW16KD": ("ebr", 1),
    r"PFUMX|L6MUX21|GND|VCC": ("", 0),
}
KEPT = "counts before packing; hierarchy kept, nothing optimised across a module's border"
DEVICES = {
    "xcup": Device(
        "UltraScale+", "synth_xilinx -family xcup -noiopad -noclkbuf -top {top}", XILINX, KEPT),
    "ecp5": Device("ECP5", "synth_ecp5 -noflatten{noabc9} -top {top}", ECP5,
                   f"{KEPT}; a carry cell takes two LUT sites"),
    "xc7": Device("7 series", "synth_xilinx -family xc7 -noiopad -noclkbuf -top {top}", XILINX,
                  f"{KEPT}; area only: Yosys is known to make a wrong netlist of DSP48E1"),
}


def read_manifest(folder: Path) -> dict:
    """Read an emitted folder's manifest.

    Args:
        folder: Folder that `fsrcnnx rtl` wrote.

    Returns:
        The manifest, of the layers only their names.

    Raises:
        InputError: If the folder, its manifest or its file list is missing, or the manifest says
            what it may not.
    """
    fix = "make it with `fsrcnnx rtl MODEL -o DIR`"
    if not folder.is_dir():
        raise InputError("no such folder", where=folder, allowed="a folder of RTL", fix=fix)
    for name in (manifests.MANIFEST, manifests.LIST):
        if not (folder / name).is_file():
            raise InputError(f"{name} is missing", where=folder, allowed="a folder of RTL", fix=fix)
    manifest = manifests.read(folder, "network", "content_hash")
    return {**manifest, "layers": [layer["name"] for layer in manifest.get("layers", [])]}


def noabc9(yosys: Path) -> str:
    """Option that keeps YoWASP's Yosys from abc9, which ends it without a message (its issue 29).

    Args:
        yosys: The executable.

    Returns:
        The option with a space before it; nothing for another Yosys.
    """
    return " -noabc9" if yosys.name.startswith("yowasp") else ""


def run_yosys(folder: Path, command: str, top: str = TOP,
              beside: dict[str, str] | None = None) -> tuple[dict, str]:
    """Map an emitted folder to a device.

    Args:
        folder: Folder of RTL.
        command: Yosys' commands for it, parted by "; ", with {noabc9} and {top} where those stand.
        top: Name of the top module.
        beside: Files that the commands read, name -> text, or None.

    Returns:
        The netlist as Yosys writes it in JSON, and the tool's name with its version.

    Raises:
        ToolError: If Yosys is missing or was killed.
        CheckError: If Yosys refuses the folder.
    """
    text, tool = yosys_text(folder, f"{command}; write_json netlist", top, beside)
    return json.loads(text), tool


def yosys_text(folder: Path, command: str, top: str = TOP,
               beside: dict[str, str] | None = None) -> tuple[str, str]:
    """Let Yosys read an emitted folder and write a file.

    Args:
        folder: Folder of RTL.
        command: As of `run_yosys`; the last one writes the file `netlist`.
        top: Name of the top module.
        beside: Files that the commands read, name -> text, or None.

    Returns:
        The file, and the tool's name with its version.

    Raises:
        ToolError: If Yosys is missing or was killed.
        CheckError: If Yosys refuses the folder.
    """
    yosys = tools.locate("yosys")
    script = "\n".join([
        f"read_verilog -sv {' '.join(manifests.sources(folder))}",
        f"hierarchy -check -top {top}",
        *command.format(noabc9=noabc9(yosys.path), top=top).split("; "),
    ])
    with scratch() as folder_of_work:
        work = folder_of_work / "work"  # a copy: nothing is left behind
        work.mkdir()
        manifests.copy_sources(folder, work)
        for name, text in {"synth.ys": script, **(beside or {})}.items():
            (work / name).write_text(text, encoding="utf-8")
        done = processes.run([yosys.path, "-q", "-s", "synth.ys"], cwd=work,
                             env={**os.environ, **tools.environment("yosys"), "TMPDIR": str(work)})
        if done.returncode < 0:
            raise ToolError(f"ended by signal {-done.returncode}", where=yosys.path.name,
                            fix="run it again, with more memory if that was short")
        if done.returncode or not (work / "netlist").is_file():
            said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            raise CheckError(said[0] if said else f"yosys ended with code {done.returncode}",
                             where=folder, allowed="SystemVerilog that Yosys reads")
        return ((work / "netlist").read_text(encoding="utf-8"),
                f"{yosys.path.name} {yosys.version}")


def resource(cell: str, device: Device) -> tuple[str, int]:
    """Tell what one primitive takes.

    Args:
        cell: Name of the primitive, e.g. `LUT6`.
        device: A value of DEVICES.

    Returns:
        Resource and how many; ("", 0) for a primitive that takes none.

    Raises:
        CheckError: If the primitive is unknown: figures without it would be wrong.
    """
    for pattern, takes in device.count.items():
        if re.fullmatch(pattern, cell):
            return takes
    raise CheckError(f"cell {cell} is not known", where=device.family,
                     allowed=", ".join(device.count), fix="count it in fsrcnnx/prove/synth.py")


def _natural(name: str) -> list:
    """Sorting key that puts layer 10 after layer 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def count(netlist: dict, device: Device, top: str = TOP) -> list[dict]:
    """Count resources of every module instance, each with all that is below it.

    Args:
        netlist: Netlist in Yosys' JSON form, hierarchy kept.
        device: A value of DEVICES.
        top: Name of the top module.

    Returns:
        Records {instance, module, depth, RESOURCE...}, parents before children; the first is the
        top, with instance "".

    Raises:
        CheckError: If a primitive is unknown or the netlist is empty.
    """
    modules = netlist["modules"]
    resources = list(dict.fromkeys(name for name, _ in device.count.values() if name))

    def walk(module: str, path: str, depth: int) -> list[dict]:
        """Records of an instance and of those below it; the first sums them up."""
        total: Counter[str] = Counter()
        below: list[dict] = []
        cells = modules[module]["cells"]
        for name in sorted(cells, key=_natural):
            kind = cells[name]["type"]
            inner = modules.get(kind)
            if inner is None or "blackbox" in inner["attributes"]:
                if kind == "$scopeinfo":
                    continue
                what, takes = resource(kind, device)
                total[what] += takes
            else:
                records = walk(kind, f"{path}.{name}" if path else name, depth + 1)
                total.update({key: records[0][key] for key in resources})
                below += records
        plain = modules[module]["attributes"].get("hdlname", module).lstrip("\\").strip()
        return [{"instance": path, "module": plain, "depth": depth,
                 **{key: total[key] for key in resources}}, *below]

    records = walk(top, "", 0)
    if not any(records[0][key] for key in resources):
        raise CheckError("the netlist is empty", where=top, allowed="logic that reaches an output")
    return records


def synth(folder: Path, device: str) -> dict:
    """Synthesise an emitted folder and report what it takes.

    Args:
        folder: Folder that `fsrcnnx rtl` wrote.
        device: `xcup`, `ecp5` or `xc7`.

    Returns:
        Report: device, family, network, content_hash, tool, note, seconds, total
        {RESOURCE: n} and instances (see `count`; `layer` names the layer of each that is one).

    Raises:
        InputError: If the device is unknown or the folder is not an emitted one.
        ToolError: If Yosys is missing.
        CheckError: If Yosys refuses the folder or the result cannot be counted.
    """
    if device not in DEVICES:
        raise InputError(f"unknown device {device!r}", where="--device",
                         allowed=", ".join(DEVICES), fix="take one of these")
    folder = Path(folder)
    manifest = read_manifest(folder)
    start = time.monotonic()
    top = manifests.top(manifest)
    netlist, tool = run_yosys(folder, DEVICES[device].command, top)
    instances = count(netlist, DEVICES[device], top)
    layers = manifest["layers"]
    for record in instances:
        index = re.fullmatch(r".*gen_layer\[(\d+)\]\.u_layer", record["instance"])
        record["layer"] = layers[int(index[1])] if index and int(index[1]) < len(layers) else ""
    total = {name: instances[0][name] for name, _ in DEVICES[device].count.values() if name}
    return {
        "device": device,
        "family": DEVICES[device].family,
        "network": manifest["network"],
        "content_hash": manifest["content_hash"],
        "tool": tool,
        "note": DEVICES[device].note,
        "seconds": round(time.monotonic() - start, 1),
        "total": total,
        "instances": instances,
    }

