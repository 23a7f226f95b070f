"""What nextpnr reports, in our terms: clock, utilisation, the longest path by layer and cell.

May import the errors. The report is nextpnr's JSON (--report).

    read(json.loads(text), ["feature", "map1"])["clock_mhz"]
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fsrcnnx.errors import CheckError

# what nextpnr counts -> what we call it
USED = {"TRELLIS_COMB": "lut", "TRELLIS_FF": "ff", "DP16KD": "ebr", "MULT18X18D": "dsp",
        "TRELLIS_IO": "io"}
LAYER = re.compile(r"gen_layer\[(\d+)\]\.|(?:^|\.)u_graph_?(\d+)\b")
# what Yosys and nextpnr put behind a name for the cell that it became
CELL = re.compile(r"[_.](?:TRELLIS_FF|CCU2C|LUT4|PFUMX|L6MUX21|TRELLIS_COMB|DP16KD|PDPW16KD|"
                  r"MULT18X18D|\$PACKED).*$")
KINDS = (("DP16KD", "RAM"), ("PDPW16KD", "RAM"), ("mem.", "RAM"), ("MULT18X18D", "multiplier"),
         ("CCU2C", "adder"), ("TRELLIS_FF", "register"), ("LUT4", "LUT"), ("PFUMX", "LUT"))


def term(cell: str, layers: Sequence[str]) -> str:
    """Name a cell of the netlist: its layer, where it is, and what.

    Args:
        cell: Its name, e.g. `u_core.gen_layer[2].u_layer.s12_1_TRELLIS_FF_Q_3`.
        layers: Names of the layers.

    Returns:
        For example `layer map1: u_layer.s12_1 (register)`.
    """
    kind = next((name for mark, name in KINDS if mark in cell), "cell")
    path = CELL.sub("", cell)
    found = LAYER.search(path)
    index = int(found[1] or found[2]) if found else -1
    if 0 <= index < len(layers):
        rest = path[found.end():].strip(".")
        return f"layer {layers[index]}: {rest or 'output'} ({kind})"
    return f"{path} ({kind})"


def _path(report: dict, layers: Sequence[str]) -> dict:
    """The longest path from register to register."""
    inside = [path for path in report["critical_paths"]
              if path["from"].split()[0] == path["to"].split()[0] != "<async>"
              and path["path"]]
    steps = max((path["path"] for path in inside),
                key=lambda steps: sum(step["delay"] for step in steps), default=[])
    if not steps:
        return {"from": "", "to": "", "ns": 0.0, "routing_ns": 0.0, "net": ""}
    routed = [step for step in steps if step["type"] == "routing"]
    worst = max(routed, key=lambda step: step["delay"], default={})
    return {"from": term(steps[0]["from"]["cell"], layers),
            "to": term(steps[-1]["to"]["cell"], layers),
            "ns": round(sum(step["delay"] for step in steps), 2),
            "routing_ns": round(sum(step["delay"] for step in routed), 2),
            "net": CELL.sub("", worst.get("net", ""))}


def read(report: dict, layers: Sequence[str]) -> dict:
    """Read a report.

    Args:
        report: nextpnr's, as JSON.
        layers: Names of the layers.

    Returns:
        clock_mhz, utilisation {resource: {used, available}} and critical_path.

    Raises:
        CheckError: If it is not such a report, or has no clock.
    """
    try:
        clocks = [float(clock["achieved"]) for clock in report["fmax"].values()]
        used = {name: {key: int(report["utilization"][cell][key]) for key in ("used", "available")}
                for cell, name in USED.items() if cell in report["utilization"]}
        path = _path(report, layers)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CheckError(f"a report without {error}", where="nextpnr", allowed="nextpnr 0.11",
                         fix="see `fsrcnnx doctor`") from error
    if not clocks:
        raise CheckError("no clock in the report", where="nextpnr",
                         allowed="a path between two registers")
    return {"clock_mhz": round(min(clocks), 2), "utilisation": used, "critical_path": path}
