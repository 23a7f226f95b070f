"""Vitis HLS on an hls4ml project: synthesis, export, co-simulation; reports as plain data.

May import numpy, the ground floor and the reports. The work is hls4ml's own build_prj.tcl; its
options are set through build_opt.tcl, which it sources. Added here: the tool in whatever version is
there, resets that the streaming layers need, reports that must be there and must be new, and a
comparison of integers instead of six-digit decimals.

    tool = find_tool()               # None: SKIP
    synth(read_project(Path("build/project")), tool)["total"]["dsp"]
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import limits, manifests, names, processes
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.exact.compare import first_difference
from fsrcnnx.files import atomic, read_limited
from fsrcnnx.prove.hls.vitis_reports import read_cosim, read_csynth, read_modules

# the newest first; each with the words before the script's name
COMMANDS = {"vitis-run": ("--mode", "hls", "--tcl"), "vitis_hls": ("-f",), "vivado_hls": ("-f",)}
INSTALL = ("AMD Vitis (2022.2 or newer; HLS needs no licence), then `source "
           "VITIS/settings64.sh`, so that vitis-run or vitis_hls is on PATH")
SOLUTION = "solution1"  # as hls4ml's build_prj.tcl names it
OPTIONS = ("reset", "csim", "synth", "cosim", "validation", "export", "vsynth", "fifo_opt")
# what a manifest must have, where there is one
KEYS = ("network", "content_hash", "top", "width", "height", "scale", "in_format", "out_format")
COUNTER = re.compile(r"(?m)^([ \t]*)static (?:int|unsigned) (\w+) = 0;.*\n"
                     r"(?![ \t]*#pragma HLS RESET)")


@dataclass(frozen=True)
class HlsTool:
    """An HLS tool.

    Args:
        name: A key of COMMANDS.
        path: The executable.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class HlsProject:
    """An hls4ml project of the Vitis back end.

    Args:
        folder: The project.
        top: Its top function.
        part: FPGA part.
        manifest: What `fsrcnnx hls` says of it; {} for a project that hls4ml made alone.
    """

    folder: Path
    top: str
    part: str
    manifest: dict

    @property
    def solution(self) -> Path:
        """Where the tool writes."""
        return self.folder / f"{self.top}_prj" / SOLUTION


def find_tool() -> HlsTool | None:
    """Find an HLS tool on PATH.

    Returns:
        The newest kind that is there, or None.
    """
    for name in COMMANDS:
        path = shutil.which(name)
        if path:
            return HlsTool(name, Path(path))
    return None


def read_project(folder: Path) -> HlsProject:
    """Read what an hls4ml project is.

    Args:
        folder: The project.

    Returns:
        The project.

    Raises:
        InputError: If it is not one, or not of the Vitis back end.
    """
    folder = Path(folder).resolve()
    fix = "make it with `fsrcnnx hls MODEL -o DIR --width W --height H`"
    for name in ("project.tcl", "build_prj.tcl", "firmware"):
        if not (folder / name).exists():
            raise InputError(f"{name} is missing", where=folder, allowed="an hls4ml project",
                             fix=fix)
    path = folder / "project.tcl"
    try:
        text = read_limited(path, limits.MANIFEST_BYTES).decode(errors="replace")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path, fix=fix) from error
    said = dict(re.findall(r'(?m)^set (\w+) "?([^"\n]*)"?$', text))
    if said.get("backend") != "vitis" or not {"project_name", "part"} <= set(said):
        raise InputError(f"back end {said.get('backend', 'unknown')}",
                         where=path, allowed="vitis", fix=fix)
    for key, good, says in (("project_name", names.is_layer, names.LAYER_SAYS),
                            ("part", manifests.is_part, manifests.PART_SAYS)):
        if not good(said[key]):
            raise InputError(f"{key} is {said[key][:99]!r}", where=path, allowed=says, fix=fix)
    manifest = manifests.read(folder, *KEYS) if (folder / manifests.MANIFEST).exists() else {}
    if manifest.get("top", said["project_name"]) != said["project_name"]:
        raise InputError(f"top is {manifest['top']!r}", where=folder / manifests.MANIFEST,
                         allowed=f"{said['project_name']!r}, as project.tcl says", fix=fix)
    return HlsProject(folder, said["project_name"], said["part"], manifest)


def add_resets(project: HlsProject) -> int:
    """Let the reset reach the position counters of hls4ml's streaming layers.

    They are static variables, which Vitis HLS does not reset unless asked to: after a reset in the
    middle of a frame the next one would be wrong. (Asked for all of them, it would clear the line
    buffers word by word; what those hold does not matter.)

    Args:
        project: The project; headers in firmware/nnet_utils change.

    Returns:
        Counters that got a RESET pragma now.

    Source: AMD UG1399, "Initializing and Resetting Arrays", "pragma HLS reset".
    """
    count = 0
    for path in sorted((project.folder / "firmware" / "nnet_utils").glob("*.h")):
        text, added = COUNTER.subn(
            lambda m: f"{m[0]}{m[1]}#pragma HLS RESET variable={m[2]}\n",
            path.read_text(encoding="utf-8"))
        if added:
            with atomic(path) as part:
                part.write_text(text, encoding="utf-8")
            count += added
    return count


def run(project: HlsProject, tool: HlsTool, steps: Sequence[str],
        progress: Callable[[float], None] = lambda fraction: None) -> tuple[Path, float]:
    """Run steps of hls4ml's build_prj.tcl.

    Args:
        project: The project.
        tool: The tool.
        steps: Names of OPTIONS to switch on.
        progress: Called with the fraction of the steps that are done.

    Returns:
        The log, and the time in seconds.

    Raises:
        CheckError: If the tool fails.
    """
    with atomic(project.folder / "build_opt.tcl") as part:
        part.write_text(
            "# written by fsrcnnx; build_prj.tcl sources it\narray set opt {\n"
            + "".join(f"    {name:10} {int(name in steps)}\n" for name in OPTIONS) + "}\n",
            encoding="utf-8")
    log, start, done = project.folder / f"{tool.name}.log", time.monotonic(), 0
    with log.open("w", encoding="utf-8") as file, processes.child(
            [tool.path, *COMMANDS[tool.name], "build_prj.tcl"], cwd=project.folder, text=True,
            encoding="utf-8", errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            ) as process:
        for line in process.stdout:
            file.write(line)
            file.flush()
            if line.startswith("*****") and "COMPLETED" in line:
                done += 1
                progress(min(1.0, done / len(set(steps) - {"reset"})))
        code = process.wait()
    if code:
        lines = filter(None, map(str.strip, log.read_text(encoding="utf-8").splitlines()))
        said = [line for line in lines if "ERROR" in line] or [f"ended with code {code}"]
        raise CheckError(said[0], where=tool.name, fix=f"see {log}")
    return log, time.monotonic() - start


def synth(project: HlsProject, tool: HlsTool, *, export: bool = True,
          progress: Callable[[float], None] = lambda fraction: None) -> dict:
    """Synthesise a project to RTL.

    Args:
        project: The project.
        tool: The tool.
        export: Whether to pack an IP for Vivado too.
        progress: Called with the fraction done.

    Returns:
        Report: tool, top, part, network, content_hash, resets, verilog (folder), seconds, what
        `read_csynth` gives, cycles_per_pixel (interval per LR pixel, where the frame size is
        known), and modules.

    Raises:
        CheckError: If the tool fails or a report is missing.
    """
    reports = project.solution / "syn" / "report"
    shutil.rmtree(reports, ignore_errors=True)  # an old report must not pass for a new one
    resets = add_resets(project)
    _, seconds = run(project, tool, ["reset", "synth", *(["export"] if export else [])], progress)
    found = read_csynth(reports / f"{project.top}_csynth.xml")
    pixels = project.manifest.get("width", 0) * project.manifest.get("height", 0)
    interval = found["interval"]["max"]
    return {
        "tool": tool.name, "top": project.top, "part": project.part,
        **{key: project.manifest.get(key) for key in ("network", "content_hash")},
        "resets": resets, "verilog": str(project.solution / "syn" / "verilog"),
        "seconds": round(seconds, 1), **found,
        "cycles_per_pixel": round(interval / pixels, 3) if pixels and interval else None,
        "modules": read_modules(reports, project.top),
    }


def _read_frames(path: Path, want: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Integers that the test bench wrote, cut into frames; fewer if it wrote fewer."""
    try:
        values = np.array(path.read_text(encoding="utf-8").split(), np.int64)
    except (OSError, ValueError) as error:
        raise CheckError(f"no result of the test bench ({error})", where=path,
                         fix="see the tool's log") from None
    sizes = [frame.size for frame in want]
    if len(values) != sum(sizes):
        raise CheckError(f"{len(values)} values", where=path, allowed=f"{sum(sizes)}",
                         fix="see the tool's log: the streams ran dry or over")
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [part.reshape(frame.shape) for part, frame in zip(parts, want, strict=True)]


def cosim(project: HlsProject, tool: HlsTool, frames: dict[str, np.ndarray],
          want: Sequence[np.ndarray],
          progress: Callable[[float], None] = lambda fraction: None) -> dict:
    """Simulate the RTL of a project in the tool, beside its C++, and compare both with golden.

    Args:
        project: A project of `fsrcnnx hls`; it is synthesised first if it is not yet.
        tool: The tool.
        frames: Name -> raw LR (H, W), each of the project's size.
        want: Golden's raw HR for each.
        progress: Called with the fraction done.

    Returns:
        Report: tool, top, network, content_hash, seconds, what `read_cosim` gives, and records
        {form: C++ or RTL, frame, pixels, mismatches, first_divergence}.

    Raises:
        InputError: If the project has no test bench in integers.
        CheckError: If the tool fails or a report is missing. Differences are in the report.
    """
    if not {"width", "height", "scale"} <= set(project.manifest):
        raise InputError("no test bench in integers", where=project.folder,
                         allowed="a project of `fsrcnnx hls`",
                         fix="hls4ml's own logs six digits, which cannot show equality")
    data, report = project.folder / "tb_data", project.solution / "sim" / "report"
    data.mkdir(exist_ok=True)
    results = {"C++": data / "hr.txt", "RTL": data / "hr_cosim.txt"}
    for path in results.values():  # old results must not pass for new ones
        path.unlink(missing_ok=True)
    shutil.rmtree(report, ignore_errors=True)
    for name, planes in (("lr", frames.values()), ("want", want)):
        with atomic(data / f"{name}.txt") as part:
            np.savetxt(part, np.concatenate([np.ravel(plane) for plane in planes]), "%d")
    made = project.solution / "syn" / "report" / f"{project.top}_csynth.xml"
    newest = max(path.stat().st_mtime for path in (project.folder / "firmware").rglob("*"))
    fresh = made.is_file() and made.stat().st_mtime >= newest
    if not fresh:
        add_resets(project)
    steps = ["csim", "cosim", *([] if fresh else ["reset", "synth"])]
    log, seconds = run(project, tool, steps, progress)
    found = read_cosim(report / f"{project.top}_cosim.rpt")
    records = []
    for form, path in results.items():
        for (name, _), expected, got in zip(frames.items(), want, _read_frames(path, want),
                                            strict=True):
            first = first_difference("output", expected, got)
            records.append({"form": form, "frame": name, "pixels": expected.size,
                            "mismatches": int((expected != got).sum()),
                            "first_divergence": str(first) if first else None})
    return {"tool": tool.name, "top": project.top, "network": project.manifest.get("network"),
            "content_hash": project.manifest.get("content_hash"), "log": str(log),
            "seconds": round(seconds, 1), **found, "records": records}
