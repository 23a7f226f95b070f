"""A netlist pass for the ECP5: registers behind block RAM move into its own output register.

Imports the standard library. A block RAM gives its word 4 to 6 ns after the clock, with its output
register after about 1; Yosys does not infer it (its issue 5814). A read port qualifies if every bit
of it that anything looks at goes into one plain flip-flop of the same clock, without reset and all
with the same enable or none, and nowhere else. The netlist does the same, clock by clock, as the
rung `netlist` shows.

    moved = absorb(netlist, "fsrcnnx_top")     # changed in place; flip-flops that went

Source: Lattice FPGA-TN-02204, ECP5 memory usage guide, for the output register.
"""

from __future__ import annotations

from collections import defaultdict

RAM, FLIP_FLOP = "DP16KD", "TRELLIS_FF"
PORTS, WIDTH = ("A", "B"), 18  # one of 36 bits has its word on the pins of both


def _enable(cell: dict, clock: list) -> list | None:
    """The enable of a flip-flop of a clock's rising edge without reset; None if it is none."""
    pins, given = cell["connections"], cell["parameters"]
    if (cell["type"] == FLIP_FLOP and pins["CLK"] == clock
            and given.get("CLKMUX", "CLK") == "CLK" and given.get("LSRMODE", "LSR") == "LSR"
            and pins.get("LSR", ["0"]) == ["0"] and given.get("LSRMUX", "LSR") == "LSR"
            and given.get("REGSET") == "RESET"):
        return {"1": ["1"], "CE": pins.get("CE")}.get(given.get("CEMUX", "1").strip())
    return None


def sinks(module: dict) -> dict[int | str, list[tuple[str, str]]]:
    """Tell where each net goes.

    Args:
        module: Of Yosys' JSON, flat.

    Returns:
        Cells' inputs as (name, pin), and the module's ports as ("", name), by net.
    """
    found = defaultdict(list)
    for name, cell in module["cells"].items():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"][pin] != "output":
                for bit in bits:
                    found[bit].append((name, pin))
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            found[bit].append(("", name))
    return found


def absorb(netlist: dict, top: str) -> int:
    """Let block RAMs register what they read.

    Args:
        netlist: Yosys' JSON, flat and mapped to the ECP5; changed in place.
        top: Name of the module.

    Returns:
        Number of flip-flops that went.
    """
    module = netlist["modules"][top]
    users_of, moved = sinks(module), 0
    for cell in [cell for cell in module["cells"].values() if cell["type"] == RAM]:
        pins, given = cell["connections"], cell["parameters"]
        if max(int(given[f"DATA_WIDTH_{port}"], 2) for port in PORTS) > WIDTH:
            continue
        for port in PORTS:
            outputs = {f"DO{port}{at}": users_of[pins[f"DO{port}{at}"][0]] for at in range(WIDTH)
                       if users_of.get(pins.get(f"DO{port}{at}", [""])[0])}
            registers = [module["cells"].get(users[0][0]) for users in outputs.values()
                         if len(users) == 1 and users[0][1] == "DI"]
            if (not outputs or len(registers) < len(outputs) or pins[f"WE{port}"] != ["0"]
                    or pins[f"RST{port}"] != ["0"] or pins[f"OCE{port}"] != ["1"]
                    or given.get(f"REGMODE_{port}", "NOREG") != "NOREG"
                    or given.get(f"CLK{port}MUX", f"CLK{port}") != f"CLK{port}"):
                continue
            enables = [_enable(register, pins[f"CLK{port}"]) for register in registers]
            if not enables[0] or any(enable != enables[0] for enable in enables):
                continue
            pins[f"OCE{port}"] = enables[0]
            given[f"REGMODE_{port}"] = "OUTREG"
            for pin, users in outputs.items():
                pins[pin] = module["cells"].pop(users[0][0])["connections"]["Q"]
            moved += len(outputs)
    return moved
