"""Wide numbers are written as several literals, those of every usual width as one."""

import os
import re
import subprocess

import numpy as np
import pytest

from fsrcnnx.emit.literal import MOST_BITS, literals
from fsrcnnx.emit.rtl.memories import Memory
from fsrcnnx.emit.rtl.memory_package import memory_package
from fsrcnnx.emit.vectors import check_package, vectors
from fsrcnnx.tools import environment, find
from tests.networks import random_network

READ_BY_ICARUS = 16000  # characters of a token; it dies at 16,384
BITS = 102_400  # of a word that srcnn-955_x2 has at 4 cycles per pixel


@pytest.mark.parametrize("bits", [1, 4, 5, MOST_BITS - 1, MOST_BITS, MOST_BITS + 1, MOST_BITS + 4,
                                  3 * MOST_BITS, 3 * MOST_BITS + 7])
def test_the_parts_are_the_number(bits):
    number = int.from_bytes(np.random.default_rng(bits).bytes(bits // 8 + 1)) % (1 << bits)
    digits = f"{number:0{-(-bits // 4)}x}"
    found = literals(digits, bits)
    assert len(found) == -(-bits // MOST_BITS)
    if bits <= MOST_BITS:
        assert found == [f"{bits}'h{digits}"]
    value = total = 0
    for part in found:
        size, hexed = part.split("'h")
        assert int(size) <= MOST_BITS and int(hexed, 16) < 1 << int(size)
        value, total = value << int(size) | int(hexed, 16), total + int(size)
    assert (value, total) == (number, bits)


def wide() -> tuple[Memory, ...]:
    """Memories of two wide words, their lowest and highest fields distinct."""
    words = np.zeros((2, BITS // 8), np.int64)
    words[0, [0, -1]], words[1, [0, -1]] = (1, -2), (3, 4)
    small = np.array([[1]])
    return (Memory("WEIGHTS", 0, 0, words, 8), Memory("BIASES", 0, 0, small, 8),
            Memory("SLOPES", 0, 0, small, 8))


BENCH = f"""
module wide_tb;
  localparam int Bits = {BITS};
  initial begin
    $display("%0d %0h %0h %0h %0h", $bits(fsrcnnx_mem_pkg::WEIGHTS),
             fsrcnnx_mem_pkg::WEIGHTS[7:0], fsrcnnx_mem_pkg::WEIGHTS[Bits-1 -: 8],
             fsrcnnx_mem_pkg::WEIGHTS[Bits +: 8], fsrcnnx_mem_pkg::WEIGHTS[2*Bits-1 -: 8]);
    $finish;
  end
endmodule
"""


def test_no_token_of_a_wide_memory_or_picture_is_long():
    network = random_network(np.random.default_rng(7))
    picture = check_package(vectors(network, 4096, 1, None), network)
    for text in (memory_package(wide(), "0" * 64), picture):
        longest = max(map(len, re.findall(r"[\w']+", text)))
        assert MOST_BITS // 4 < longest < READ_BY_ICARUS


@pytest.mark.sim
def test_simulators_read_wide_memories(tmp_path):
    (tmp_path / "mem.sv").write_text(memory_package(wide(), "0" * 64))
    (tmp_path / "tb.sv").write_text(BENCH)
    subprocess.run(["iverilog", "-g2012", "-o", "sim", "mem.sv", "tb.sv"], cwd=tmp_path, check=True)
    said = subprocess.run(["./sim"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert said.stdout.split() == [str(2 * BITS), "1", "fe", "3", "4"]
    done = subprocess.run([find("verilator"), "--lint-only", "-Wno-fatal", "mem.sv", "tb.sv"],
                          cwd=tmp_path, env={**os.environ, **environment("verilator")},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
