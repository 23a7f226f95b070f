"""Place and route an emitted core on an ECP5, all with open tools: Yosys, nextpnr, ecppack.

May import the ground, the synthesis and what runs nextpnr. What the netlist takes is held against
the device first. Several seeds, since one is no clock; what was killed goes on where it was.

    report = pnr(Path("build/rtl"), Path("build/pnr"), Order("ecp5-85", seeds=(1, 2, 3)))
    report["best"]["clock_mhz"]

Source: Lattice FPGA-DS-02012, ECP5 family data sheet, for what a device holds.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from fsrcnnx import __version__, limits, manifests, processes, tools
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.files import read_limited
from fsrcnnx.prove import netlist as netlists
from fsrcnnx.prove import pnr_seeds, synth
from fsrcnnx.prove.pnr_seeds import NETLIST
from fsrcnnx.prove.pnr_work import Work, check_work, open_work

PACKAGE = "CABGA381"
REPORT, BITSTREAM = "pnr.json", "core.bit"
SPEEDS = (6, 7, 8)
# what the FSRCNN-x core routed best with (silicon/README.md): looser than the tool's 0.9, since
# packed adders leave no wires; timing weighs three times its usual 10
PLACER = ("--placer-heap-beta", "0.6", "--placer-heap-timingweight", "30")
DENSE = 0.6  # of a device's LUT sites: from there on it routes with the tool's own options only


@dataclass(frozen=True)
class Part:
    """A device.

    Args:
        name: Lattice's.
        option: nextpnr's.
        holds: What it has of each resource, in words.
    """

    name: str
    option: str
    holds: dict[str, int]


def _part(name: str, option: str, lut: int, ebr: int, dsp: int) -> Part:
    """A part with as many flip-flops as LUT sites."""
    return Part(name, option, {"LUT sites": lut, "flip-flops": lut, "block RAMs": ebr,
                               "multipliers": dsp})


PARTS = {"ecp5-25": _part("LFE5U-25F", "--25k", 24_288, 56, 28),
         "ecp5-45": _part("LFE5U-45F", "--45k", 43_848, 108, 72),
         "ecp5-85": _part("LFE5U-85F", "--85k", 83_640, 208, 156)}


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Args:
        device: A name of PARTS.
        seeds: Seeds of the placement.
        mhz: Clock that the tool aims at.
        speed: Speed grade.
        layer: The layer whose shift-add graph alone is placed, or empty for the core.
        pads: Whether the core's ports go to pads, for a bitstream; without, it is placed as a part
            of a larger design, and paths from and to its ports are nobody's.
        ripup: Whether wires that miss the clock are routed again until none does, or time is over.
        jobs: Seeds at a time.
        minutes: Longest time of a seed, or None.
        trimmed: Whether the ends of carry chains are: fewer LUT sites.
    """

    device: str = "ecp5-85"
    seeds: tuple[int, ...] = (1,)
    mhz: float = 148.5
    speed: int = 8
    layer: str = ""
    pads: bool = True
    ripup: bool = False
    jobs: int = 1
    minutes: float | None = None
    trimmed: bool = True


def takes(netlist: dict, top: str) -> dict[str, int]:
    """Count what a netlist takes of a device.

    Args:
        netlist: Yosys' JSON.
        top: Name of the top module.

    Returns:
        Resource, in the words of `Part.holds` -> number.
    """
    found = synth.count(netlist, synth.DEVICES["ecp5"], top)[0]
    return {"LUT sites": found["lut"] + 2 * found["carry"] + found["lutram"],
            "flip-flops": found["ff"], "block RAMs": found["ebr"], "multipliers": found["dsp"]}


def fit(used: dict[str, int], part: Part, where: str | Path) -> None:
    """Refuse what a device cannot hold, before anything is placed.

    Args:
        used: As `takes` counts it.
        part: The device.
        where: What it is, for the error.

    Raises:
        InputError: With all numbers that are too large.
    """
    over = [f"{used[name]} of {most} {name}" for name, most in part.holds.items()
            if used[name] > most]
    if over:
        fits = [name for name, other in PARTS.items()
                if all(used[key] <= most for key, most in other.holds.items())]
        raise InputError(f"larger than the {part.name}: {', '.join(over)}", where=where,
                         allowed=f"--device {' or '.join(fits)}" if fits else
                         "a smaller network, fewer bits or --engine mac with more cycles",
                         fix="choose another device" if fits else "emit another core")


def _top(order: Order, manifest: dict, where: Path) -> str:
    """Name of the module that is placed."""
    layers = manifest["layers"]
    if not order.layer:
        return manifests.top(manifest)
    if order.layer not in layers:
        raise InputError(f"no layer {order.layer!r}", where="--layer", allowed=", ".join(layers))
    top = f"{manifests.prefix(manifest)}_graph_{layers.index(order.layer)}"
    if f"{top}.sv" not in manifests.sources(where):
        raise InputError("no shift-add graph of a layer in it", where=where,
                         allowed="a core of --engine adders", fix="leave out --layer")
    return top


def _is_whole(order: Order) -> bool:
    """Whether a bitstream comes of it."""
    return order.pads and not order.layer


def _options(order: Order, dense: bool = False) -> list[str]:
    """nextpnr's options, but for files and seed; dense: the netlist fills much of the device."""
    aims = ["--lpf-allow-unconstrained"] if _is_whole(order) else [pnr_seeds.PART]
    aims += [*(() if dense else PLACER), *(["--tmg-ripup"] if order.ripup else [])]
    return [PARTS[order.device].option, "--package", PACKAGE, "--speed", str(order.speed),
            "--freq", f"{order.mhz:g}", "--router", "router2", "--timing-allow-fail", *aims]


def _netlist(folder: Path, work: Work, top: str, trimmed: bool,
             say: Callable[[str], None]) -> dict:
    """The netlist as it was kept, or from Yosys."""
    if text := work.held(NETLIST):
        return json.loads(text)
    say("synthesis")
    netlist, _, _ = netlists.mapped(folder, top, trimmed)
    work.keep(NETLIST, json.dumps(netlist).encode())
    return netlist


def _bitstream(work: Work, seed: int) -> None:
    """Pack what a seed gave."""
    nextpnr = tools.locate("nextpnr-ecp5").path
    pack = nextpnr.with_name(nextpnr.name.replace("nextpnr-ecp5", "ecppack"))
    if not pack.is_file():
        raise ToolError(f"{pack.name} is missing", where=pack.parent,
                        fix="install it beside nextpnr-ecp5")
    done = processes.run([pack, "--compress", f"seed-{seed}.config", f".{BITSTREAM}"],
                         cwd=work.folder, env={**os.environ, "TMPDIR": str(work.folder)})
    made = work.folder / f".{BITSTREAM}"
    if done.returncode or not made.is_file():
        raise ToolError(f"ended with code {done.returncode}: {done.stderr.strip()[-200:]}",
                        where=pack.name, fix="see `fsrcnnx doctor`")
    work.keep(BITSTREAM, read_limited(made, limits.SOURCE_BYTES))
    made.unlink()


def pnr(folder: Path, out: Path, order: Order,
        say: Callable[[str], None] = lambda text: None) -> dict:
    """Place and route an emitted folder.

    Args:
        folder: Folder that `fsrcnnx rtl` wrote.
        out: Folder of the work: new, empty, or of the same build, which then goes on.
        order: What is asked for.
        say: Called with how far it is.

    Returns:
        Report, as written to pnr.json in it: made_by, network, content_hash, key, the order, part,
        tools, netlist {resource: {used, available}}, seeds (all that were finished in the folder,
        each as pnr_seeds.run gives it) and best, one of them.

    Raises:
        InputError: If the folders or the order cannot be used, or the device is too small.
        ToolError: If a tool is missing or ends.
        CheckError: If Yosys refuses the folder, or no seed can be routed.
    """
    if order.device not in PARTS or order.speed not in SPEEDS:
        raise InputError(f"unknown device {order.device!r} of speed {order.speed}",
                         where="--device", allowed=f"{', '.join(PARTS)}; speed 6, 7 or 8")
    folder, out = Path(folder), Path(out)
    manifest = synth.read_manifest(folder)
    top = _top(order, manifest, folder)
    check_work(out, manifest)
    versions = {name: f"{found.path.name} {found.version}" for name in ("yosys", "nextpnr-ecp5")
                if (found := tools.locate(name))}
    of = {"network": manifest["network"], "content_hash": manifest["content_hash"],
          "device": order.device, "speed": order.speed, "mhz": order.mhz, "layer": order.layer,
          "pads": order.pads, "ripup": order.ripup,
          "tools": versions}
    how = [of, netlists.made(order.trimmed), _options(order), DENSE]
    digest = hashlib.sha256(json.dumps(how).encode())
    for name in manifests.sources(folder):
        digest.update(name.encode() + read_limited(folder / name, limits.SOURCE_BYTES))
    of["key"] = digest.hexdigest()
    work = open_work(out, of)
    part = PARTS[order.device]
    used = takes(_netlist(folder, work, top, order.trimmed, say), top)
    fit(used, part, folder)
    dense = used["LUT sites"] > DENSE * part.holds["LUT sites"]
    seeds = pnr_seeds.run(work, _options(order, dense), manifest["layers"], order.seeds,
                          order.jobs, order.minutes, say)
    routed = [one for one in seeds if "failed" not in one]
    if not routed:
        raise CheckError(f"no seed can be routed: {seeds[0]['failed']}", where=folder,
                         allowed=f"what the {part.name} can route", fix=f"see the logs in {out}")
    best = max(routed, key=lambda one: one["clock_mhz"])
    if _is_whole(order):
        say("bitstream")
        _bitstream(work, best["seed"])
    report = {"made_by": f"fsrcnnx {__version__}", **of, "part": f"{part.name}-{order.speed}",
              "package": PACKAGE, "order": asdict(order),
              "netlist": {name: {"used": used[name], "available": most}
                          for name, most in part.holds.items()},
              "seeds": seeds, "best": best}
    work.keep(REPORT, (json.dumps(report, indent=2) + "\n").encode())
    return report
