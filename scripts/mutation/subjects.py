# SPDX-License-Identifier: Apache-2.0
"""What is mutated, and by which of the project's own checks each mutant is judged.

A new module of RTL is found by itself, and judged by the cases of its bench; one without a bench
needs a line of WITHIN. A new file of Python is a line of PYTHON. The cheapest check comes first.

    subjects()["rtl/fsrcnnx_fifo.sv"].checks["icarus"]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.formal import PROOFS, ROOT
from tests.rtl.test_benches import CASES, USES

SIMULATORS = ("icarus", "verilator")  # the sooner compiled first


@dataclass(frozen=True)
class Check:
    """One check of the project.

    Args:
        args: Of pytest, or of python where the first is -m.
        files: What it depends on beside the mutated file, in the checkout.
        given: What else: parameters that a file holds beside those of others.
    """

    args: tuple[str, ...]
    files: tuple[str, ...] = ()
    given: str = ""

    @property
    def name(self) -> str:
        """Its name in tables."""
        return " ".join(self.args).removeprefix("-m ")


@dataclass(frozen=True)
class Subject:
    """A file that is mutated.

    Args:
        file: Its path in the checkout.
        checks: Column of the table -> checks, the cheapest first.
        core: Emitted core that a mutant must be lint clean in; empty for Python.
    """

    file: str
    checks: dict[str, tuple[Check, ...]] = field(default_factory=dict)
    core: str = ""


def _files(*patterns: str) -> tuple[str, ...]:
    """Paths in the checkout by patterns."""
    found = [path.relative_to(ROOT).as_posix() for pattern in patterns
             for path in sorted(ROOT.glob(pattern))]
    assert found, patterns
    return tuple(found)


TB = ("sim/tb.py", "sim/frames.py", "sim/runner.py")
SOAKED = ("sim/soak.py", "sim/soak_tb.sv", "sim/video.py")


def _bench(case: str, simulator: str) -> Check:
    module, parameters = CASES[case]
    return Check((f"tests/rtl/test_benches.py::test_module[{case}-{simulator}]",),
                 (*TB, f"sim/bench_{module}.py", *(f"rtl/fsrcnnx_{name}.sv" for name in (
                     module, *USES.get(module, ())))), repr(parameters))


def _lane(case: str, simulator: str) -> Check:
    return Check((f"tests/rtl/test_products.py::test_lane[{case}-{simulator}]",),
                 (*TB, "sim/bench_mac_lane.py", "tests/rtl/test_products.py",
                  *(f"rtl/fsrcnnx_{name}.sv" for name in ("rom", "product", "adder_tree",
                                                          "mac_lane"))))


def _soak(core: str, simulator: str, seed: int = 246, beats: int = 1, faults: int = 0) -> Check:
    return Check(("-m", "sim.soak", "--core", core, "--sim", simulator, "--seed", str(seed),
                  "--beats", str(beats), "--faults", str(faults)), (*SOAKED, *_files("rtl/*.sv")))


def _shared(case: str, simulator: str) -> Check:
    return Check((f"tests/rtl/test_soak.py::test_the_second_layer_shares_multipliers[{case}-"
                  f"{simulator}]",), (*SOAKED, "tests/rtl/test_soak.py", *_files("rtl/*.sv")))


def _core(case: str, simulator: str) -> Check:
    return Check((f"tests/rtl/test_cores.py::test_core[{case}-{simulator}]",),
                 (*TB, "sim/bench_top.py", "sim/video.py", *_files("rtl/*.sv")))


def _hls(case: str, simulator: str) -> Check:
    return Check((f"tests/rtl/test_hls_top.py::test_wrapper_on_the_standin[{case}-{simulator}]",),
                 (*TB, "sim/bench_top.py", "sim/video.py", "sim/hls_standin.sv",
                  "tests/rtl/test_hls_top.py"))


def _proof(name: str) -> Check:
    return Check(("-m", "scripts.formal", name, "--quick", "--rtl", "rtl", "--seconds", "60"),
                 ("scripts/formal.py", f"formal/{name}.sv"))


# modules without a bench of their own, and what more judges those that have one
WITHIN = {
    "line_ram": [(_bench, "column-3x3"), (_bench, "column-5x5")],
    "centre": [(_bench, "column-5x5"), (_bench, "column-2x2")],
    "aside": [(_soak, "rows"), (_core, "adders-anchor")],
    "row_sums": [(_soak, "rows"), (_core, "adders-rows")],
    "delay": [(_bench, "slope-3"), (_bench, "slope-0"), (_bench, "column-5x5")],
    "mac_lane": [(_lane, "pairs"), (_lane, "signed"), (_lane, "at-once")],
    "adder_tree": [(_lane, "pairs"), (_lane, "signed"), (_lane, "at-once")],
    "rom": [(_lane, "pairs"), (_lane, "at-once"), (_soak, "folded")],
    "copy": [(_soak, "anchor")],
    "layer": [(_soak, "anchor"), (_soak, "folded")],
    "mac": [(_soak, "folded"), (_shared, "pairs")],
    "core": [(_soak, "anchor"), (_soak, "folded")],
    "top": [(_soak, "small"), (_soak, "small", {"seed": 5, "beats": 400}),
            (_soak, "small", {"faults": 66_000})],
    "hls_top": [(_hls, "3x2"), (_hls, "4x7")],
    "product": [(_lane, "pairs")],
    "window": [(_soak, "folded")], "prelu": [(_soak, "folded")], "column": [(_soak, "anchor")],
    "slope": [(_soak, "anchor")], "requantise": [(_soak, "anchor")],
    **{name: [(_soak, "small", {"seed": 5, "beats": 400})]
       for name in ("fifo", "axis_guard", "turn", "skid", "sequencer", "line_fifo", "subpixel")},
}
# cases that most of a module is in: asked before the others
FIRST = ("column-5x5", "slope--107", "requantise-signed", "subpixel-x2", "sequencer-burst")
# what is not in the core `folded`
CORES = {"hls_top": "hls", "slope": "anchor", "aside": "rows", "row_sums": "rows"}

FAST = ("-m", "not slow and not sim")
SOME = {"test_graph_sim": ("-k", "small and icarus")}  # all of it is simulated: the soonest
EMITTED = _files("fsrcnnx/emit/*.py", "fsrcnnx/emit/rtl/*.py", "fsrcnnx/exact/*.py",
                 "tests/networks.py")
EXACT = _files("fsrcnnx/exact/*.py", "tests/networks.py")
# file -> tests by the name of their file, those of its own first
PYTHON = {
    "fsrcnnx/emit/rtl/fold.py": ("emit/rtl/fold", "emit/rtl/folder", "emit/rtl/plan"),
    "fsrcnnx/emit/rtl/lanes.py": ("emit/rtl/folder", "emit/rtl/graphs", "emit/rtl/plan"),
    "fsrcnnx/emit/rtl/memories.py": ("emit/rtl/folder", "emit/rtl/plan"),
    "fsrcnnx/emit/rtl/memory_package.py": ("emit/rtl/folder",),
    "fsrcnnx/emit/rtl/package.py": ("emit/rtl/folder", "emit/rtl/plan"),
    "fsrcnnx/emit/rtl/plan.py": ("emit/rtl/plan", "emit/rtl/folder", "emit/rtl/raster"),
    "fsrcnnx/emit/rtl/raster.py": ("emit/rtl/raster", "emit/rtl/plan"),
    "fsrcnnx/emit/rtl/cells.py": ("emit/rtl/plan", "emit/rtl/folder"),
    "fsrcnnx/emit/rtl/adders.py": ("emit/rtl/raster", "emit/rtl/graphs"),
    "fsrcnnx/emit/rtl/graphs.py": ("emit/rtl/graphs",),
    "fsrcnnx/emit/rtl/graph_text.py": ("emit/rtl/graph_sim", "emit/rtl/graphs"),
    "fsrcnnx/emit/rtl/schedule.py": ("emit/rtl/graphs",),
    "fsrcnnx/emit/rtl/shift_add.py": ("emit/rtl/graphs",),
    "fsrcnnx/exact/formats.py": ("exact/formats", "exact/golden", "exact/network"),
    "fsrcnnx/exact/golden.py": ("exact/golden", "exact/tdc", "exact/emulate"),
    "fsrcnnx/exact/emulate.py": ("exact/emulate", "exact/family"),
    "fsrcnnx/exact/kernels.py": ("exact/emulate", "exact/limits"),
    "fsrcnnx/exact/ranges.py": ("exact/ranges", "exact/limits"),
    "fsrcnnx/exact/tdc.py": ("exact/tdc", "exact/golden"),
    "fsrcnnx/exact/tiles.py": ("exact/tiles", "exact/emulate"),
}
# emitters whose figures only a core that runs tells from others
SIMULATED = ("package", "memories", "lanes", "cells", "plan", "raster", "memory_package", "fold")


def _rtl() -> Iterable[Subject]:
    """A subject for each module."""
    proved = {proof.name for proof in PROOFS}
    for path in sorted((ROOT / "rtl").glob("*.sv")):
        name = path.stem.removeprefix("fsrcnnx_")
        checks = {}
        for simulator in SIMULATORS:
            cases = sorted((case for case, (module, _) in CASES.items() if module == name),
                           key=lambda case: case not in FIRST)
            own = [_bench(case, simulator) for case in cases]
            more = [kind(case, simulator, **dict(*options))
                    for kind, case, *options in WITHIN.get(name, ())]
            assert own or more, f"{name} has no bench: add it to WITHIN"
            checks[simulator] = (*own, *more)
        if name in proved:
            checks["proofs"] = (_proof(name),)
        yield Subject(f"rtl/{path.name}", checks, CORES.get(name, "folded"))


def subjects() -> dict[str, Subject]:
    """All that is mutated.

    Returns:
        Path in the checkout -> subject.
    """
    found = {subject.file: subject for subject in _rtl()}
    for file, names in PYTHON.items():
        room = EMITTED if "/emit/" in file else EXACT
        checks = [Check((f"{at.parent}/{at.name}.py", *SOME.get(at.name, FAST)),
                        (*room, f"{at}.py"))
                  for at in (Path("tests", name).with_name(f"test_{Path(name).name}")
                             for name in names)]
        if Path(file).stem in SIMULATED:
            checks += [Check(_soak(core, "icarus").args, (*SOAKED, *room, *_files("rtl/*.sv")))
                       for core in ("folded", "anchor", "rows")]
        found[file] = Subject(file, {"tests": tuple(checks)})
    return found
