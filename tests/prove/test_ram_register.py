"""Registers behind block RAM move into it where nothing can tell, and nowhere else."""

from copy import deepcopy

import pytest

from fsrcnnx.prove.ram_register import absorb

TOP = "top"


def netlist():
    """A block RAM that reads two bits at port B, each into a flip-flop."""
    flip_flop = {"type": "TRELLIS_FF", "parameters": {"CEMUX": "1 ", "CLKMUX": "CLK",
                                                      "LSRMUX": "LSR", "REGSET": "RESET"},
                 "port_directions": {"CE": "input", "CLK": "input", "DI": "input", "LSR": "input",
                                     "Q": "output"}}
    nine = f"{9:032b}"
    ram = {"type": "DP16KD", "parameters": {"REGMODE_A": "NOREG", "REGMODE_B": "NOREG",
                                            "DATA_WIDTH_A": nine, "DATA_WIDTH_B": nine,
                                            "CLKAMUX": "CLKA", "CLKBMUX": "CLKB"},
           "connections": {"CLKA": [2], "CLKB": [2], "WEA": [3], "WEB": ["0"], "RSTA": ["0"],
                           "RSTB": ["0"], "OCEA": ["1"], "OCEB": ["1"], "DOA0": [4], "DOB0": [5],
                           "DOB1": [6], "DOB2": [7]},
           "port_directions": {}}
    for pin in ram["connections"]:
        ram["port_directions"][pin] = "output" if pin.startswith("DO") else "input"
    cells = {"ram": ram}
    for at, (data, out) in enumerate(((5, 15), (6, 16))):
        cells[f"ff{at}"] = {**deepcopy(flip_flop), "connections": {
            "CLK": [2], "DI": [data], "LSR": ["0"], "Q": [out]}}
    return {"modules": {TOP: {"cells": cells, "ports": {
        "clk": {"direction": "input", "bits": [2]}, "q": {"direction": "output",
                                                          "bits": [15, 16]}}}}}


def test_plain_registers_behind_every_bit_that_is_used_move():
    found = netlist()
    assert absorb(found, TOP) == 2
    cells = found["modules"][TOP]["cells"]
    assert list(cells) == ["ram"]
    assert cells["ram"]["parameters"]["REGMODE_B"] == "OUTREG"
    assert cells["ram"]["parameters"]["REGMODE_A"] == "NOREG"
    assert [cells["ram"]["connections"][f"DOB{at}"] for at in range(3)] == [[15], [16], [7]]
    assert absorb(found, TOP) == 0


def ff(key, value, at=1):
    """Change a parameter of a flip-flop."""
    return lambda module: module["cells"][f"ff{at}"]["parameters"].update({key: value})


def pin(cell, name, *bits):
    """Change a pin of a cell."""
    return lambda module: module["cells"][cell]["connections"].update({name: list(bits)})


def test_registers_with_one_enable_move_with_it():
    found = netlist()
    for at in range(2):
        ff("CEMUX", "CE", at)(found["modules"][TOP])
        pin(f"ff{at}", "CE", 8)(found["modules"][TOP])
    assert absorb(found, TOP) == 2
    cells = found["modules"][TOP]["cells"]
    assert list(cells) == ["ram"] and cells["ram"]["connections"]["OCEB"] == [8]


def of_two_enables(module):
    """Each flip-flop has its own."""
    for at in range(2):
        ff("CEMUX", "CE", at)(module)
        pin(f"ff{at}", "CE", 8 + at)(module)


def looked_at(module):
    """A LUT looks at a bit too."""
    module["cells"]["lut"] = {"type": "LUT4", "parameters": {}, "connections": {"A": [5]},
                              "port_directions": {"A": "input"}}


@pytest.mark.parametrize("change", [
    ff("CEMUX", "CE"), ff("CLKMUX", "INV"), ff("REGSET", "SET"), ff("LSRMUX", "INV"),
    ff("LSRMODE", "PRLD"), pin("ff1", "CLK", 9), pin("ff1", "LSR", 9), pin("ff1", "DI", 5),
    pin("ram", "WEB", 3), pin("ram", "RSTB", 3), pin("ram", "OCEB", 3), pin("ram", "OCEB", "0"),
    ff("CEMUX", "INV"), of_two_enables,
    looked_at, lambda module: module["ports"]["q"]["bits"].append(6),
    lambda module: module["cells"]["ff1"].update(type="OTHER"),
    lambda module: module["cells"]["ram"]["parameters"].update(CLKBMUX="INV"),
    lambda module: module["cells"]["ram"]["parameters"].update(REGMODE_B="OUTREG"),
    lambda module: module["cells"]["ram"]["parameters"].update(DATA_WIDTH_A=f"{36:032b}"),
    lambda module: module["cells"]["ram"]["parameters"].update(DATA_WIDTH_B=f"{36:032b}"),
])
def test_anything_else_stays_as_it_is(change):
    found = netlist()
    change(found["modules"][TOP])
    before = deepcopy(found)
    assert absorb(found, TOP) == 0
    assert found == before
