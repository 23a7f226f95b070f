"""The reports of Vitis HLS and Vivado HLS, as plain data.

May import the errors and the standard library. What a report does not know (`undef`, `NA`) is None;
what is missing from it is an error, never a default.

    read_csynth(Path("solution1/syn/report/fsrcnnx_hls_csynth.xml"))["total"]["lut"]

Source: AMD UG1399, "C Synthesis Reports" and "C/RTL Co-Simulation Report"; the element and column
names as hls4ml's report/vivado_report.py reads them.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from fsrcnnx.errors import CheckError

RESOURCES = {"LUT": "lut", "FF": "ff", "DSP": "dsp", "DSP48E": "dsp", "BRAM_18K": "bram18",
             "URAM": "uram"}  # DSP48E: Vivado HLS
COSIM = ("latency_min", "latency_avg", "latency_max",
         "interval_min", "interval_avg", "interval_max")


def _fail(what: str, path: Path, allowed: str) -> CheckError:
    """The error of a report that does not serve."""
    return CheckError(what, where=path, allowed=allowed,
                      fix="see the tool's log: it did not finish, or its reports have changed")


def _text(path: Path) -> str:
    """Contents of a report that must be there."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _fail(f"no report ({getattr(error, 'strerror', error)})", path,
                    "what the tool writes when it finishes") from None


def _number(text: str, kind: type, name: str, path: Path) -> int | float | None:
    """A figure, or None if the tool could not tell it."""
    text = text.strip()
    if text in ("undef", "NA", "?", "-", "x"):
        return None
    try:
        value = kind(text)
    except ValueError:
        raise _fail(f"{name} is {text!r}", path, "a number or undef") from None
    if value < 0:
        raise _fail(f"{name} is {text}", path, "0 or more")
    return value


def _figure(root: ElementTree.Element, name: str, kind: type, path: Path) -> int | float | None:
    """The figure in an element that must be there."""
    found = root.findtext(name)
    if found is None:
        raise _fail(f"{name} is missing", path, "a csynth report")
    return _number(found, kind, name, path)


def _resources(root: ElementTree.Element, group: str, path: Path) -> dict[str, int | None]:
    """Resources of one group; URAM is missing where a family has none."""
    found = root.find(f"AreaEstimates/{group}")
    if found is None:
        raise _fail(f"AreaEstimates/{group} is missing", path, "a csynth report")
    values = {RESOURCES[child.tag]: _number(child.text or "", int, f"{group}/{child.tag}", path)
              for child in found if child.tag in RESOURCES}
    missing = sorted({"lut", "ff", "dsp", "bram18"} - set(values))
    if missing:
        raise _fail(f"{group} lacks {', '.join(missing)}", path, "a csynth report")
    return {name: values.get(name, 0) for name in dict.fromkeys(RESOURCES.values())}


def read_csynth(path: Path) -> dict:
    """Read the synthesis report of one function.

    Args:
        path: `FUNCTION_csynth.xml`.

    Returns:
        clock {target_ns, estimated_ns, estimated_mhz}, latency {best, worst} and interval
        {min, max} in clocks, total and available {lut, ff, dsp, bram18, uram}. A figure that HLS
        does not know is None.

    Raises:
        CheckError: If the file is missing, cut short, or lacks a figure.
    """
    try:
        root = ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", _text(path)))
    except ElementTree.ParseError as error:
        raise _fail(f"no complete XML ({error})", path, "a csynth report") from None
    estimated = _figure(root, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod",
                        float, path)
    overall = "PerformanceEstimates/SummaryOfOverallLatency"
    return {
        "clock": {"target_ns": _figure(root, "UserAssignments/TargetClockPeriod", float, path),
                  "estimated_ns": estimated,
                  "estimated_mhz": round(1000 / estimated, 1) if estimated else None},
        "latency": {"best": _figure(root, f"{overall}/Best-caseLatency", int, path),
                    "worst": _figure(root, f"{overall}/Worst-caseLatency", int, path)},
        "interval": {"min": _figure(root, f"{overall}/Interval-min", int, path),
                     "max": _figure(root, f"{overall}/Interval-max", int, path)},
        "total": _resources(root, "Resources", path),
        "available": _resources(root, "AvailableResources", path),
    }


def read_modules(folder: Path, top: str) -> list[dict]:
    """Read the synthesis reports of all functions below the top.

    Args:
        folder: `solution1/syn/report`.
        top: The top function, which is left out.

    Returns:
        One record per function {module, latency_worst, interval_max, lut, ff, dsp, bram18, uram},
        by name.

    Raises:
        CheckError: If one of them cannot be read.
    """
    records = []
    for path in sorted(folder.glob("*_csynth.xml")):
        module = path.name.removesuffix("_csynth.xml")
        if module != top:
            report = read_csynth(path)
            records.append({"module": module, "latency_worst": report["latency"]["worst"],
                            "interval_max": report["interval"]["max"], **report["total"]})
    return records


def read_cosim(path: Path) -> dict:
    """Read the co-simulation report.

    Args:
        path: `TOP_cosim.rpt`.

    Returns:
        rtl (Verilog or VHDL), status (`Pass` or `Fail`), and latency_min, _avg, _max,
        interval_min, _avg, _max in clocks, None where there were too few frames to tell.

    Raises:
        CheckError: If the file is missing, cut short, or names no language that was simulated.
    """
    for line in _text(path).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] not in ("Verilog", "VHDL") or cells[1:2] in ([], ["NA"]):
            continue
        if len(cells) < 2 + len(COSIM) or cells[1] not in ("Pass", "Fail"):
            raise _fail(f"a row that cannot be read: {line.strip()}", path,
                        "language, Pass or Fail, three latencies, three intervals")
        return {"rtl": cells[0], "status": cells[1],
                **{name: _number(cell, int, name, path)
                   for name, cell in zip(COSIM, cells[2:], strict=False)}}
    raise _fail("no row of a simulated language", path, "a row Verilog or VHDL that is not NA")
