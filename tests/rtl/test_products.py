"""The multipliers of the engine mac: a lane of them, and every input of the cell that packs two."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

import numpy as np  # after the check that cocotb is there

from fsrcnnx.emit.rtl.fold import Fold
from fsrcnnx.emit.rtl.lanes import Lane
from fsrcnnx.emit.rtl.memories import Memory, weight_words
from fsrcnnx.emit.rtl.memory_package import words
from scripts.formal import every_input
from sim.runner import benches
from tests.rtl.test_benches import RTL, SEED, SIMULATORS, launch

pytestmark = pytest.mark.sim


LANES = {  # inputs, fold_in, fold_out, outs, sample and weight bits, signed, products a multiplier
    "at-once": (9, 1, 1, 1, 8, 8, 0, 1),
    "pairs": (9, 2, 3, 3, 8, 8, 0, 2),
    "signed": (7, 4, 1, 4, 6, 4, 1, 2),
}


def lane(case: str, simulator: str, folder: Path, **options) -> None:
    """fsrcnnx_mac_lane with contents, which no command line takes: in a module around it."""
    inputs, fold_in, fold_out, outs, bits, weight_bits, signed, per = LANES[case]
    ins, acc_bits = -(-inputs // fold_in), bits + weight_bits + 6
    rng = np.random.default_rng(SEED)
    end = 1 << weight_bits - 1
    weights = rng.integers(-end, end, (fold_out * outs, inputs))
    weighed = Lane(0, 0, weights[:, None, None], np.zeros(fold_out * outs, np.int64))
    turns = Fold(fold_in, fold_out, outs, (ins,), 0, per)
    memory = Memory("WEIGHTS", 0, 0, weight_words(weighed, turns, ins), weight_bits)
    literal = ", ".join(part for word in reversed(words(memory)) for part in word)
    parameters = {"SampleBits": bits, "SampleSigned": signed, "Inputs": inputs, "FoldIn": fold_in,
                  "FoldOut": fold_out, "Outs": outs, "WeightBits": weight_bits,
                  "PerMultiplier": per, "AccBits": acc_bits, "Stages": (ins - 1).bit_length()}
    set_up = ", ".join(f".{name}({value})" for name, value in parameters.items())
    sizes = {"clk_i": 1, "turn_i": max((fold_in * fold_out - 1).bit_length(), 1),
             "part_i": max((fold_in - 1).bit_length(), 1), "window_i": inputs * bits,
             "first_i": 1, "bias_i": outs * acc_bits, "acc_o": outs * acc_bits}
    ports = ", ".join(f"{'output logic' if name == 'acc_o' else 'input wire logic'} "
                      f"{'' if name in ('clk_i', 'first_i') else f'[{size - 1}:0] '}{name}"
                      for name, size in sizes.items())
    folder.mkdir(parents=True, exist_ok=True)
    around = folder / "lane.sv"
    around.write_text(f"module lane ({ports});\n  fsrcnnx_mac_lane #({set_up}, "
                      f".Weights({{{literal}}})) u_lane ({', '.join('.' + n for n in sizes)});\n"
                      "endmodule\n")
    sources = [RTL / f"fsrcnnx_{name}.sv" for name in ("rom", "product", "adder_tree", "mac_lane")]
    launch("mac_lane", "lane", [*sources, around], {}, simulator, folder / "build",
           config=parameters | {"weights": weights.tolist()}, **options)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("case", LANES)
def test_lane(case, simulator):
    lane(case, simulator, benches() / f"lane-{case}-{simulator}")


def proved(folder, text, signed, sample_bits, weight_bits) -> str:
    """What product_tb says of a text of fsrcnnx_product, over all inputs."""
    folder.mkdir(exist_ok=True)
    (folder / "product.sv").write_text(text)
    return every_input(folder / "product.sv", folder, signed, sample_bits, weight_bits)


@pytest.mark.parametrize(("signed", "sample_bits", "weight_bits"), [
    (0, 8, 4), (1, 6, 6), *(pytest.param(signed, 8, 8, marks=pytest.mark.slow)
                            for signed in (0, 1))])
def test_two_products_in_one_multiplier_are_exact_for_every_input(tmp_path, signed, sample_bits,
                                                                   weight_bits):
    text = (RTL / "fsrcnnx_product.sv").read_text()
    said = proved(tmp_path, text, signed, sample_bits, weight_bits)
    assert f"PASS {1 << sample_bits + 2 * weight_bits} inputs" in said


@pytest.mark.parametrize(("was", "becomes"), [
    ("ProductBits + WeightBits + 1;", "ProductBits + WeightBits;"),
    ("above + ProductBits'(product_q[ProductBits-1])", "above"),
])
def test_a_multiplier_that_loses_a_bit_is_seen(tmp_path, was, becomes):
    text = (RTL / "fsrcnnx_product.sv").read_text()
    assert was in text, "the fault has nowhere to go"
    assert "FAIL" in proved(tmp_path, text.replace(was, becomes), 1, 4, 4)
