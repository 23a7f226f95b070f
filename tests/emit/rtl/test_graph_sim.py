"""Shift-add graphs as SystemVerilog: clean in every tool, and exact in both simulators."""

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx import processes, tools
from fsrcnnx.emit.rtl.graphs import LayerGraph, layer_graphs, products
from fsrcnnx.exact import ranges
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.prove import netlist, synth
from fsrcnnx.prove.simulation import verilated
from tests.networks import random_network

CLOCKS = 300
BENCH = """
module tb;
  logic clk = 1'b0;
  logic [{bits}-1:0] columns [0:{clocks}-1];
  logic [{bits}-1:0] column = '0;
  {declared}
  {graphs}
  initial begin
    $readmemh("columns.hex", columns);
    for (int t = 0; t < {clocks}; t++) begin
      column = columns[t];
      #1 $display("{format}"{shown});
      clk = 1'b1; #1 clk = 1'b0;
    end
    $finish;
  end
endmodule
"""


def pack(values, bits):
    """Fields of so many bits each, the first in the low bits."""
    return sum((int(value) & (1 << bits) - 1) << at * bits for at, value in enumerate(values))


def layers(network):
    """Each layer's products and graph."""
    lo, hi = (np.array([end]) for end in (network.in_format.lo, network.in_format.hi))
    for layer, graph, bound in zip(network.layers, layer_graphs(network), ranges.prove(network),
                                   strict=True):
        yield products(layer, lo, hi), graph
        lo, hi = bound.out_lo, bound.out_hi


def write(work: Path, graphs: list[LayerGraph], columns: list[np.ndarray]) -> list[str]:
    """A bench with every graph side by side, its columns, and the graphs: names of the sources."""
    sizes = [len(g.pipeline.graph.lows) * g.sample_bits for g in graphs]
    lines = [0] * CLOCKS
    for number, (graph, samples) in enumerate(zip(graphs, columns, strict=True)):
        (work / f"graph_{number}.sv").write_text(graph.text(f"graph_{number}"))
        for t, row in enumerate(samples):
            lines[t] |= pack(row, graph.sample_bits) << sum(sizes[:number])
    (work / "columns.hex").write_text("".join(f"{line:x}\n" for line in lines))
    numbers = range(len(graphs))
    (work / "tb.sv").write_text(BENCH.format(
        bits=sum(sizes), clocks=CLOCKS, format=" ".join(["%h"] * len(graphs)),
        declared="".join(f"logic [{len(g.pipeline.graph.outputs) * g.sum_bits}-1:0] sums_{n};\n"
                         for n, g in enumerate(graphs)),
        graphs="".join(f"graph_{n} u_{n} (.clk_i(clk), .column_i(column[{sum(sizes[:n])} +: "
                       f"{sizes[n]}]), .sums_o(sums_{n}));\n" for n in numbers),
        shown="".join(f", sums_{n}" for n in numbers)))
    return [f"graph_{number}.sv" for number in numbers]


def run(simulator: str, work: Path, sources: list[str]) -> list[list[str]]:
    """Lint, compile and run a bench: hex digits of the sums, clock by clock."""
    if simulator == "verilator":
        for source in sources:
            code, said = verilated.compile(work, ["--lint-only", "-Wall", source])
            assert code == 0, said
            for place in (work, work / "obj"):
                (place / "root").unlink(missing_ok=True)
        flags = ("--binary", "--timing", "-O1", "--timescale", "1ns/1ns", "--x-initial", "unique",
                 "-CFLAGS", "-O0")
        code, said = verilated.compile(work, [*flags, "-Mdir", "obj", "--top-module", "tb", "-o",
                                              "../sim", "tb.sv", *sources])
        command = ["./sim", "+verilator+rand+reset+2"]
    else:
        done = processes.run([tools.find("iverilog"), "-g2012", "-Wall", "-s", "tb", "-o", "sim",
                              *sources, "tb.sv"], cwd=work, env={**os.environ})
        code, said = done.returncode, done.stdout + done.stderr
        command = [tools.find("vvp"), "-n", "sim"]
    assert code == 0, said
    done = processes.run(command, cwd=work)
    assert done.returncode == 0, done.stdout
    return [line.split() for line in done.stdout.splitlines()[:CLOCKS]]


def hold(simulator: str, work: Path, found: list) -> None:
    """Hold graphs in a simulator against integer matrix products."""
    (work / "obj").mkdir()
    rng = np.random.default_rng(4)
    columns = [rng.integers(p.lows, np.array(p.highs) + 1, (CLOCKS, len(p.lows)))
               for p, _ in found]
    sources = write(work, [graph for _, graph in found], columns)
    lines = run(simulator, work, sources)
    for number, ((p, graph), samples) in enumerate(zip(found, columns, strict=True)):
        side = 1 + max(tap.age for tap in p.taps)
        windows = np.stack([samples[side - 1 - tap.age:CLOCKS - tap.age, tap.wire]
                            for tap in p.taps], 1)
        want = windows @ p.matrix + p.bias
        seen = set()
        for t, sums in enumerate(want[:CLOCKS - side + 1 - graph.latency], side - 1):
            got = lines[t + graph.latency][number]
            assert int(got, 16) == pack(sums, graph.sum_bits), (graph.name, t)
            seen.add(got)
        assert len(seen) > 200  # a match of few values proves nothing


@pytest.mark.sim
@pytest.mark.parametrize(("simulator", "options"), [
    ("icarus", {"channels": (4, 3), "kernels": (3, 1, 3)}),
    ("icarus", {"channels": (3,), "kernels": (5, 7), "scale": 3, "signed": False}),
    ("verilator", {"channels": (2, 3), "kernels": (3, 1, 3), "last": "shuffle", "weight_bits": 3}),
])
def test_small_graphs_are_exact(simulator, options, tmp_path):
    hold(simulator, tmp_path, list(layers(random_network(np.random.default_rng(8), **options))))


@pytest.mark.sim
@pytest.mark.slow
def test_the_graphs_of_a_shipped_network_are_exact(tmp_path):
    network = onnx_io.load(Path(__file__).parents[3] / "models/fsrcnn-x_x2_w4a8/model.onnx")
    hold("verilator", tmp_path, list(layers(network)))


@pytest.mark.sim
def test_a_planted_fault_in_the_text_is_seen(tmp_path):
    found = list(layers(random_network(np.random.default_rng(8), channels=(3,), kernels=(3, 3))))

    class Wrong(LayerGraph):
        def text(self, module_name):
            return super().text(module_name).replace(" - ", " + ", 1)

    p, graph = found[0]
    wrong = Wrong(**{part.name: getattr(graph, part.name) for part in fields(LayerGraph)})
    with pytest.raises(AssertionError, match="conv0"):
        hold("icarus", tmp_path, [(p, wrong)])


@pytest.mark.sim
@pytest.mark.slow
def test_costs_are_what_yosys_counts(tmp_path):
    graph = layer_graphs(random_network(np.random.default_rng(8), channels=(6, 4),
                                        kernels=(3, 3, 3)))[1]
    (tmp_path / "fsrcnnx_graph_1.sv").write_text(graph.text("fsrcnnx_graph_1"))
    (tmp_path / "files.f").write_text("fsrcnnx_graph_1.sv\n")
    found, _, _ = netlist.mapped(tmp_path, "fsrcnnx_graph_1")
    took = synth.count(found, synth.DEVICES["ecp5"], "fsrcnnx_graph_1")[0]
    assert took["dsp"] == took["ebr"] == 0
    assert took["lut"] < graph.cost.lut / 10
    assert took["carry"] == pytest.approx(graph.cost.carries, rel=0.05)
    assert took["ff"] == pytest.approx(graph.cost.registers, rel=0.05)
