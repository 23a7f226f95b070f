"""Run nextpnr with several seeds, some at a time; what a seed gave is kept before the next begins.

May import the ground, the folder of work and what reads nextpnr's reports.

    run(work, ["--85k", "--freq", "148.5"], layers, seeds=[1, 2], jobs=2)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import limits, processes, tools
from fsrcnnx.errors import ToolError
from fsrcnnx.files import read_limited
from fsrcnnx.prove import pnr_report
from fsrcnnx.prove.pnr_work import Work

NETLIST, LOG, REPORT, CONFIG = "netlist.json", "nextpnr.log", "report.json", "routed.config"
GAVE = re.compile(r"seed-([0-9]{1,10})\.json")  # as _name makes it
POLL = 0.5  # seconds
PART = "--out-of-context"  # nextpnr's option for a part of a design, which has no configuration
ROUTING = re.compile(r"iter=(\d+) .*?overused=(\d+)")
STEPS = (("Routing", "routing"), ("Placed", "placing"), ("Packing", "packing"))


@dataclass(frozen=True, eq=False)
class Run:
    """A seed that is being placed and routed.

    Args:
        process: nextpnr.
        folder: Where it writes.
        start: When it began, time.monotonic.
    """

    process: subprocess.Popen
    folder: Path
    start: float


def stage(text: str) -> str:
    """Tell from nextpnr's log how far it is.

    Args:
        text: The log so far, or its end.

    Returns:
        A few words.
    """
    if found := ROUTING.findall(text):
        return f"routing, pass {found[-1][0]}, {found[-1][1]} wires overused"
    return next((words for mark, words in STEPS if mark in text), "starting")


def _name(seed: int) -> str:
    """The file of what a seed gave."""
    return f"seed-{seed}.json"


def _held(work: Work, options: Sequence[str], seed: int) -> dict | None:
    """What a seed gave; None unless all that it left is whole."""
    text = work.held(_name(seed))
    gave = json.loads(text) if text else None
    packed = PART not in options and "failed" not in (gave or {})
    if gave and packed and work.held(f"seed-{seed}.config") is None:
        return None  # no bitstream could be packed from it
    return gave


def _start(work: Work, options: Sequence[str], seed: int, stack: ExitStack) -> Run:
    """Start nextpnr; whatever ends the block ends it."""
    nextpnr = tools.locate("nextpnr-ecp5")
    folder = work.folder / f"running-{seed}"
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir()
    config = [] if PART in options else ["--textcfg", CONFIG]
    with open(folder / LOG, "wb") as log:
        process = stack.enter_context(processes.child(
            [nextpnr.path, *options, "--seed", str(seed), "--json", f"../{NETLIST}",
             "--report", REPORT, *config], cwd=folder, stdout=log,
            stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(folder)}))
    return Run(process, folder, time.monotonic())


def _finish(work: Work, options: Sequence[str], run: Run, seed: int,
            layers: Sequence[str]) -> dict:
    """Keep what a seed gave."""
    log = read_limited(run.folder / LOG, limits.SOURCE_BYTES)
    code = run.process.returncode
    if code < 0:
        raise ToolError(f"ended by signal {-code}", where="nextpnr-ecp5",
                        fix="run it again, with more memory if that was short")
    gave = {"seed": seed, "seconds": round(time.monotonic() - run.start, 1),
            "log_sha256": hashlib.sha256(log).hexdigest()}
    kept = {f"seed-{seed}.log": log}
    if code:
        lines = log.decode(errors="replace").splitlines()
        gave["failed"] = next((line for line in lines if "ERROR" in line),
                              f"nextpnr ended with code {code}")[:300]
    else:
        report = read_limited(run.folder / REPORT, limits.SOURCE_BYTES)
        gave |= pnr_report.read(json.loads(report), layers)
        if PART not in options:
            kept[f"seed-{seed}.config"] = read_limited(run.folder / CONFIG,
                                                       limits.CHECKPOINT_BYTES)
    for name, content in kept.items():
        work.keep(name, content)
    work.keep(_name(seed), (json.dumps(gave, indent=2) + "\n").encode())
    shutil.rmtree(run.folder)
    return gave


def run(work: Work, options: Sequence[str], layers: Sequence[str], seeds: Sequence[int],
        jobs: int = 1, minutes: float | None = None,
        say: Callable[[str], None] = lambda text: None) -> list[dict]:
    """Place and route a netlist with several seeds.

    Args:
        work: The folder, with the netlist in it.
        options: nextpnr's, but for files and seed.
        layers: Names of the layers.
        seeds: Seeds; those that are done already are taken as they are, and so are all others
            that were finished in the folder before.
        jobs: How many at a time.
        minutes: Longest time of each, or None.
        say: Called with how far it is.

    Returns:
        What each seed gave, those asked for in order, then the others by number: seed, seconds,
        log_sha256, and clock_mhz, utilisation, critical_path, or else `failed`, why.

    Raises:
        ToolError: If nextpnr is missing or was killed.
        CheckError: If its report cannot be read.
    """
    before = sorted(int(found[1]) for name in work.names() if (found := GAVE.fullmatch(name)))
    wanted = dict.fromkeys([*seeds, *before])
    gave = {seed: held for seed in wanted if (held := _held(work, options, seed))}
    pending = [seed for seed in seeds if seed not in gave]
    running: dict[int, Run] = {}
    with ExitStack() as stack:
        while pending or running:
            while pending and len(running) < jobs:
                seed = pending.pop(0)
                running[seed] = _start(work, options, seed, stack)
            time.sleep(POLL)
            for seed, one in list(running.items()):
                if one.process.poll() is not None:
                    gave[seed] = _finish(work, options, running.pop(seed), seed, layers)
                elif minutes and time.monotonic() - one.start > 60 * minutes:
                    processes.end(one.process)
                    shutil.rmtree(running.pop(seed).folder)
                    gave[seed] = {"seed": seed, "failed": f"not routed in {minutes:g} minutes",
                                  "seconds": 60 * minutes}
            say(", ".join(f"seed {seed}: {stage(_tail(one.folder / LOG))}"
                          for seed, one in running.items()))
    return [gave[seed] for seed in wanted if seed in gave]


def _tail(log: Path) -> str:
    """The end of a log that grows."""
    with open(log, "rb") as file:
        file.seek(max(log.stat().st_size - 8192, 0))
        return file.read().decode(errors="replace")
