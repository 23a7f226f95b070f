"""Records: cores that were placed and routed, each as figures, a digest of the log and its hashes.

May import everything below the command line. A record is of the network whose content hash it
names, be it still the shipped one or not, and of the sources that were emitted of it.

    make(RECORDS["fsrcnn-x_x2_w4a8-1920-ecp5-85"], Path("build/records"), Path("silicon"))
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fsrcnnx import limits, manifests
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import atomic, read_limited
from fsrcnnx.prove.builds import cache
from fsrcnnx.prove.pnr import Order, pnr
from fsrcnnx.prove.pnr_seeds import NETLIST

HEIGHTS = {1920: 1080, 1280: 720, 320: 240}
# of nextpnr's log: what the device holds, the clocks, how the router fared
KEPT = re.compile(r"Info: +(?:TRELLIS|DP16KD|MULT18X18D|DCCA|Max frequency)|Info: +\t|"
                  r"Warning: Max freq|Info: +iter=.*overused=0 |^ERROR|Info: Program finished")
QUALITY = re.compile(r"\| Set5 \| paper \| [0-9.]+ \| [0-9./ ]+ \| ([0-9.]+) / ")


@dataclass(frozen=True)
class Recipe:
    """What a record is of.

    Args:
        model: A shipped network.
        width: Greatest LR frame width.
        device: A name of `pnr.PARTS`.
        mhz: Clock that the tools aim at.
        floor: Least clock that makes it a record, in MHz.
        speed: Speed grade.
        seeds: Seeds of the placement.
        minutes: Longest time of a seed.
        adders_per_stage: Adders between the registers of its graphs.
        trimmed: Whether the ends of its carry chains are.
    """

    model: str
    width: int
    device: str
    mhz: float
    floor: float
    speed: int = 8
    seeds: tuple[int, ...] = (1, 2, 3)
    minutes: float = 60
    adders_per_stage: int = 1
    trimmed: bool = False

    @property
    def name(self) -> str:
        """Name of its files."""
        grade = "" if self.speed == 8 else f"-{self.speed}"
        return f"{self.model}-{self.width}-{self.device}{grade}"


RECORDS = {recipe.name: recipe for recipe in (
    Recipe("fsrcnn-x_x2_w4a8", 1920, "ecp5-85", 150, 148.5),
    Recipe("fsrcnnx-a_x2_w4a8", 1920, "ecp5-85", 150, 148.5),
    Recipe("fsrcnn-x_x2_w4a8", 1920, "ecp5-45", 150, 148.5),
    Recipe("fsrcnnx-c_x2_w4a6", 1920, "ecp5-25", 150, 124.6, seeds=(2, 3, 4), adders_per_stage=2,
           trimmed=True),
    Recipe("fsrcnn-x_x2_w4a8", 1280, "ecp5-45", 100, 74.25),
    Recipe("fsrcnnx-a_x2_w6a8", 1920, "ecp5-85", 130, 124.6, adders_per_stage=2, trimmed=True),
    Recipe("fsrcnn-x_x2", 1920, "ecp5-85", 130, 124.6, adders_per_stage=2, trimmed=True),
)}


def sources_hash(folder: Path) -> str:
    """Hash an emitted folder's sources, names included.

    Args:
        folder: Folder that `fsrcnnx rtl` wrote.

    Returns:
        SHA-256, hex.
    """
    digest = hashlib.sha256()
    for name in manifests.sources(folder):
        digest.update(f"{name}\n".encode() + read_limited(folder / name, limits.SOURCE_BYTES))
    return digest.hexdigest()


def quality(card: Path, content_hash: str) -> float:
    """Read from its card what a network reaches.

    Args:
        card: The card.
        content_hash: The network's.

    Returns:
        PSNR of the integers on Set5 in the paper's protocol, in dB.

    Raises:
        ModelError: If the card is missing, of another network, or does not say.
    """
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    found = QUALITY.search(text)
    if content_hash not in text or not found:
        raise ModelError("no Set5 in a card of this network", where=card,
                         allowed=content_hash[:12], fix="make cards")
    return float(found[1])


def digest(log: str) -> str:
    """Cut a log of nextpnr down to what is looked at.

    Args:
        log: All of it.

    Returns:
        Its lines about the device, the clocks and the router.
    """
    return "".join(f"{line}\n" for line in log.splitlines() if KEPT.search(line))


def make(recipe: Recipe, work: Path, silicon: Path, seeds: Sequence[int] = (),
         say: Callable[[str], None] = lambda text: None) -> dict:
    """Emit, place and route a record's core, and write its files; goes on where it was.

    Args:
        recipe: What it is of.
        work: Folder of the work.
        silicon: Folder of the records.
        seeds: Others than the recipe's; none for those.
        say: Called with how far it is.

    Returns:
        The record, as written to NAME.json.

    Raises:
        InputError: If a folder cannot be used or the device is too small.
        ModelError: If the network's card is of another one.
        ToolError: If a tool is missing or ends.
        CheckError: If no seed can be routed.
    """
    recipe = replace(recipe, seeds=tuple(seeds) or recipe.seeds)
    model = Model.open(recipe.model)
    psnr = quality(model.path.with_name("card.md"), model.content_hash)
    folder = work / f"{recipe.name}-{model.content_hash[:8]}"
    height = HEIGHTS[recipe.width]
    if not (folder / manifests.MANIFEST).is_file():
        emit(model.network, folder, engine="adders", max_width=recipe.width, max_height=height,
             adders_per_stage=recipe.adders_per_stage, keep=cache.keep)
    out = folder.with_name(f"{folder.name}-pnr")
    order = Order(recipe.device, recipe.seeds, recipe.mhz, recipe.speed, pads=False,
                  ripup=True, minutes=recipe.minutes, trimmed=recipe.trimmed)
    report = pnr(folder, out, order, say)
    return store(recipe, folder, out, report, psnr, silicon)


def store(recipe: Recipe, folder: Path, out: Path, report: dict, psnr: float,
          silicon: Path) -> dict:
    """Write a record's files; seeds of the same netlist that are stored stay beside the new.

    Args:
        recipe: What it is of.
        folder: The emitted core.
        out: The folder of place and route.
        report: What place and route gave.
        psnr: Of the network, in dB.
        silicon: Folder of the records.

    Returns:
        The record.
    """
    told = manifests.read(folder, "network", "content_hash", "clocks_per_frame")
    netlist = hashlib.sha256((out / NETLIST).read_bytes()).hexdigest()
    path = silicon / f"{recipe.name}.json"
    seeds = together(report, netlist, path)
    here = report["best"]
    best = max((one for one in seeds if "failed" not in one), key=lambda one: one["clock_mhz"])
    clocks = told["clocks_per_frame"]
    record = {
        "name": recipe.name, "make": f"make record RECORD={recipe.name}",
        **{key: value for key, value in report.items() if key not in ("order", "layer")},
        "seeds": seeds, "best": best, "trimmed": recipe.trimmed,
        "set5_db": psnr, "floor_mhz": recipe.floor,
        "core": {"engine": told["engine"], "max_width": told["max_width"],
                 "max_height": told["max_height"], "clocks_per_frame": clocks,
                 "sources_sha256": sources_hash(folder),
                 "netlist_sha256": netlist,
                 "frames_per_second": round(best["clock_mhz"] * 1e6 / clocks, 1)}}
    texts = {path: json.dumps(record, indent=2) + "\n"}
    if best == here:
        log = (out / f"seed-{best['seed']}.log").read_text(encoding="utf-8", errors="replace")
        texts[path.with_suffix(".log")] = digest(log)
    for name, text in texts.items():
        with atomic(name) as part:
            part.write_text(text, encoding="utf-8")
    return record


def together(report: dict, netlist: str, path: Path) -> list[dict]:
    """Put the seeds that a record has beside those that were run now.

    Args:
        report: What place and route gave.
        netlist: SHA-256 of the netlist that it placed.
        path: The record's JSON; it may be missing, or of something else.

    Returns:
        Seeds, each as `prove.pnr_seeds.run` gives it, in order; the record's only if all that
        was asked, the tools, the sources and the netlist are the same.
    """
    try:
        old = read(path)
    except InputError:
        old = {}
    same = old.get("key") == report["key"] and old["core"]["netlist_sha256"] == netlist
    seeds = {one["seed"]: one for one in old["seeds"]} if same else {}
    seeds |= {one["seed"]: one for one in report["seeds"]}
    return [seeds[seed] for seed in sorted(seeds)]


def read(path: Path) -> dict:
    """Read a stored record.

    Args:
        path: Its JSON.

    Returns:
        The record.

    Raises:
        InputError: If it does not say what a record says.
    """
    try:
        record = json.loads(read_limited(path, limits.MANIFEST_BYTES))
        row(record)
        whole = record["name"] == path.stem and len(record["content_hash"]) == 64 and all(
            record["tools"][tool] for tool in ("yosys", "nextpnr-ecp5"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"not a record: {error}", where=path, allowed="what `make record` wrote",
                         fix="make it again") from error
    if not whole:
        raise InputError("not a record of this name, or without hash or tools", where=path,
                         allowed="what `make record` wrote", fix="make it again")
    return record


def row(record: dict) -> str:
    """Write a record as a row of the README's table.

    Args:
        record: A record.

    Returns:
        The row.
    """
    best, core = record["best"], record["core"]
    used = best["utilisation"]
    others = sorted((one["clock_mhz"] for one in record["seeds"] if "failed" not in one
                     and one["seed"] != best["seed"]), reverse=True)
    more = f" (others: {', '.join(f'{clock:.1f}' for clock in others)})" if others else ""
    return (f"| {record['network']} `{record['content_hash'][:8]}`, {record['set5_db']:.2f} dB "
            f"| {record['part']} | {core['max_width']}x{core['max_height']} at "
            f"{core['frames_per_second']:.1f} | {best['clock_mhz']:.1f} MHz, seed {best['seed']}"
            f"{more} | {used['lut']['used']:,} / {used['ff']['used']:,} / {used['ebr']['used']} / "
            f"{used['dsp']['used']} | `{record['make']}` |")


def is_shipped(record: dict) -> bool:
    """Tell whether a record is of the network that is shipped today under its name.

    Args:
        record: A record.

    Returns:
        Whether the content hashes are one.
    """
    try:
        return Model.open(record["network"]).content_hash == record["content_hash"]
    except (InputError, ModelError):
        return False
