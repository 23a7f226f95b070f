"""Carry chains begin and end in themselves, and give the same bits."""

from copy import deepcopy
from itertools import product

import numpy as np
import pytest

from fsrcnnx.prove.carry_ends import trim

TOP = "top"
XOR = "1001011010101010"  # as Yosys maps an adder: A, B ^ C


def chain(table=XOR, carry="0", **pins):
    """One carry cell at the beginning of a chain; its nets: A0 2, B0 3, A1 4, B1 5."""
    pins = {"CIN": [carry], "A0": [2], "B0": [3], "C0": ["0"], "D0": ["1"], "A1": [4], "B1": [5],
            "C1": ["0"], "D1": ["1"], "S0": [6], "S1": [7], "COUT": [8]} | pins
    outputs = ("S0", "S1", "COUT")
    cell = {"type": "CCU2C", "connections": pins, "parameters": {
        "INIT0": table, "INIT1": XOR, "INJECT1_0": "NO", "INJECT1_1": "NO"},
        "port_directions": {pin: "output" if pin in outputs else "input" for pin in pins}}
    return {"modules": {TOP: {"cells": {"adder": cell}, "ports": {
        "a": {"direction": "input", "bits": [2, 3, 4, 5]},
        "s": {"direction": "output", "bits": [6, 7, 8]}}}}}


def simulate(netlist, values):
    """Give nets 6, 7 and 8: None where what is open decides, and where nothing drives them."""
    nets = dict(zip((2, 3, 4, 5), values, strict=True)) | {"0": 0, "1": 1, "x": None}
    for cell in netlist["modules"][TOP]["cells"].values():
        pin = {name: nets.get(bits[0]) for name, bits in cell["connections"].items()}
        place = [pin[letter + half] for half in ("0", "1", "") for letter in "ABCD"
                 if letter + half in pin]
        if cell["type"] == "LUT4":
            a, b, c, d = place
            nets[cell["connections"]["Z"][0]] = int(
                cell["parameters"]["INIT"][15 - (a + 2 * b + 4 * c + 8 * d)])
            continue
        carry = pin["CIN"]
        for half in range(2):
            a, b, c, d = place[4 * half:4 * half + 4]
            table = cell["parameters"][f"INIT{half}"]
            passes, gives = (int(table[15 - at]) for at in (a + 2 * b + 4 * c + 8 * d, a + 2 * b))
            if cell["connections"][f"S{half}"][0] != "x":
                nets[cell["connections"][f"S{half}"][0]] = None if carry is None else passes ^ carry
            carry = carry if passes else gives
        if cell["connections"]["COUT"][0] != "x":
            nets[cell["connections"]["COUT"][0]] = carry
    return [nets.get(bit) for bit in (6, 7, 8)]


@pytest.mark.parametrize(("c", "d"), [("0", "1"), ("1", "0"), ("1", "1")])
@pytest.mark.parametrize("carry", ["0", "1"])
def test_every_input_gives_the_same_bits(carry, c, d):
    rng = np.random.default_rng(1)
    for table in (XOR, *("".join(map(str, rng.integers(0, 2, 16))) for _ in range(40))):
        was = chain(table, carry, C0=[c], D0=[d])
        found = deepcopy(was)
        assert trim(found, TOP) == 1
        cells = found["modules"][TOP]["cells"]
        assert {cell["type"] for cell in cells.values()} == {"CCU2C", "LUT4"}
        assert cells["adder"]["connections"]["CIN"] == ["x"]
        for values in product((0, 1), repeat=4):
            assert simulate(was, values) == simulate(found, values)
        assert trim(found, TOP) == 0


def test_a_wrong_carry_would_be_seen():
    found = chain()
    trim(found, TOP)
    table = found["modules"][TOP]["cells"]["adder"]["parameters"]
    table["INIT0"] = table["INIT0"][:-1] + "1"
    assert any(simulate(chain(), values) != simulate(found, values)
               for values in product((0, 1), repeat=4))


def test_a_bit_that_nobody_looks_at_takes_no_lut():
    found = chain(S0=[9])
    assert trim(found, TOP) == 1
    assert list(found["modules"][TOP]["cells"]) == ["adder"]


def test_a_carry_out_that_nobody_looks_at_loses_its_net():
    found = chain(carry=2, COUT=[9])
    assert trim(found, TOP) == 0
    assert found == chain(carry=2, COUT=["x"])


@pytest.mark.parametrize("change", [
    {"carry": 2}, {"C0": [4]}, {"D0": [4]}, {"D0": ["0"]}, {"table": XOR[:-1] + "x"}])
def test_anything_else_stays_as_it_is(change):
    found = chain(**change)
    assert trim(found, TOP) == 0
    assert found == chain(**change)


def test_a_half_without_carry_and_other_cells_stay():
    for key, value in (("INJECT1_0", "YES"), ("type", "OTHER")):
        found = chain()
        cell = found["modules"][TOP]["cells"]["adder"]
        (cell if key == "type" else cell["parameters"])[key] = value
        before = deepcopy(found)
        assert trim(found, TOP) == 0
        assert found == before
