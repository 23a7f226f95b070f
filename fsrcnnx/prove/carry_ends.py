"""A netlist pass for the ECP5: carry chains without the cells that nextpnr puts at their ends.

May import the standard library and the pass for block RAM. nextpnr puts a carry cell before each
chain whose carry in is a constant, to bring it in, and one behind each whose carry out has a net,
even if nobody looks at it: two cells beside the five or six of an adder. Here the first half of a
chain gives the carry of its bit out of its two operands alone, which it can where the carry in is
known; a LUT4 beside it forms the bit itself. The netlist does the same, as the rung `netlist`
shows.

    trimmed = trim(netlist, "fsrcnnx_top")     # changed in place; chains whose carry in went

Source: Lattice FPGA-TN-02204 and Project Trellis for the cell: carry = table[D C B A] ? carry in :
table[0 0 B A].
"""

from __future__ import annotations

from fsrcnnx.prove.ram_register import sinks

CARRY, LUT = "CCU2C", "LUT4"
OPERANDS = "ABCD"
PINS = {"CIN", "COUT", "S0", *(f"{name}0" for name in OPERANDS)}
TIED = {("1", "0"): 4, ("0", "1"): 8, ("1", "1"): 12}  # C, D: where in a table their quarter is
OPEN = "x"


def _bit(cell: dict, carry: int, out: list) -> dict:
    """The LUT4 that forms the bit of a carry cell's first half, its carry in known."""
    table = "".join(str(int(bit) ^ carry) for bit in cell["parameters"]["INIT0"])
    pins = {pin: list(cell["connections"][f"{pin}0"]) for pin in OPERANDS}
    return {"hide_name": 1, "type": LUT, "parameters": {"INIT": table},
            "attributes": dict(cell.get("attributes", {})),
            "port_directions": {**dict.fromkeys(OPERANDS, "input"), "Z": "output"},
            "connections": {**pins, "Z": out}}


def trim(netlist: dict, top: str) -> int:
    """Let carry chains begin and end in themselves.

    Args:
        netlist: Yosys' JSON, flat and mapped to the ECP5; changed in place.
        top: Name of the module.

    Returns:
        Number of chains whose constant carry in went.
    """
    module = netlist["modules"][top]
    used, found = sinks(module).keys(), {}
    for name, cell in module["cells"].items():
        pins, given = cell["connections"], cell["parameters"]
        if cell["type"] != CARRY or not pins.keys() >= PINS:
            continue
        if pins["COUT"][0] not in used:
            pins["COUT"] = [OPEN]
        carry, table = pins["CIN"][0], given["INIT0"]
        tied = TIED.get((pins["C0"][0], pins["D0"][0]))
        if (carry not in ("0", "1") or tied is None or given["INJECT1_0"].strip() != "NO"
                or not set(table) <= {"0", "1"}):
            continue
        if pins["S0"][0] in used:
            found[f"{name}$bit"] = _bit(cell, int(carry), pins["S0"])
        at = table[::-1]  # the place 0 first
        carries = [carry if at[tied + place] == "1" else at[place] for place in range(4)]
        given["INIT0"] = "".join(reversed(carries)).rjust(len(table), "0")
        pins["CIN"], pins["S0"] = [OPEN], [OPEN]
        found[name] = cell
    module["cells"] |= found
    return sum(cell["type"] == CARRY for cell in found.values())
