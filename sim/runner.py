# SPDX-License-Identifier: Apache-2.0
"""Build a module with cocotb and run its bench; a bench that did not run is a failure.

May import cocotb's runner and the project's tools. cocotb's own Verilator runner makes every
signal public (--public-flat-rw), which defeats the optimiser; here only the ports are.

    run("bench_skid", "fsrcnnx_skid", [skid], {"Width": 16}, simulator="icarus", seed=1)
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cocotb_tools.runner import Icarus, Verilator

from fsrcnnx.errors import CheckError
from fsrcnnx.prove.builds.home import home
from fsrcnnx.prove.simulation import verilated
from fsrcnnx.prove.simulation.simulate import unheld

ROOT = Path(__file__).resolve().parents[1]
BENCHES = ROOT / "build" / "benches"
TIMESCALE = ("1ns", "1ps")
VERILATOR_FLAGS = ("-O3", "-Wno-fatal")
COVERAGE_FLAGS = ("--coverage-line", "--coverage-toggle")


class PortsOnlyVerilator(Verilator):
    """Verilator with public ports instead of public everything."""

    def _build_command(self):
        commands = super()._build_command()
        return [[word for word in command if word != "--public-flat-rw"] for command in commands]


def benches() -> Path:
    """Say where the benches are built and their waveforms lie.

    Returns:
        build/benches of the checkout, or in the user's cache where that cannot be written.
    """
    writable = next(folder for folder in (BENCHES, *BENCHES.parents) if folder.is_dir())
    return BENCHES if os.access(writable, os.W_OK) else home() / "benches"


@dataclass(frozen=True)
class Outcome:
    """What a bench reported.

    Args:
        tests: Number of cocotb tests that ran.
        failed: Names of those that failed.
        log: Log of the run.
    """

    tests: int
    failed: tuple[str, ...]
    log: Path


@contextmanager
def _environment(env: Mapping[str, str], paths: Sequence[Path]) -> Iterator[None]:
    """Change os.environ and sys.path for a while: cocotb's runner takes tools and modules there."""
    before, path = dict(os.environ), list(sys.path)
    os.environ.update(env)
    sys.path[:0] = map(str, paths)
    try:
        yield
    finally:
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(before)


def _holds(log: Path, where: str) -> None:
    """Raise CheckError where an assertion of the modules did not hold in a run."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    if broken := unheld(text):
        raise CheckError(broken, where=where, fix=f"see {log}")


def read_results(results: Path, log: Path) -> Outcome:
    """Read a results.xml that the run must have written.

    Args:
        results: The file; absent before the run.
        log: Log to name in errors.

    Returns:
        The outcome.

    Raises:
        CheckError: If there is no result or no test in it: the bench could not be imported, or the
            simulator stopped early.
    """
    if not results.is_file():
        raise CheckError("no results: the bench was not imported, or the simulator stopped",
                         where=results.parent.name, fix=f"see {log}")
    cases = ElementTree.parse(results).getroot().findall(".//testcase")
    if not cases:
        raise CheckError("the bench ran no test", where=results.parent.name, fix=f"see {log}")
    failed = tuple(case.get("name") for case in cases
                   if case.find("failure") is not None or case.find("error") is not None)
    return Outcome(len(cases), failed, log)


def run(
    bench: str,
    top: str,
    sources: Sequence[Path],
    parameters: Mapping[str, object],
    *,
    simulator: str,
    seed: int,
    folder: Path,
    config: Mapping[str, object] | None = None,
    waves: bool = False,
    coverage: bool = False,
    bench_path: Path = ROOT,
) -> Outcome:
    """Build a module and run one bench on it.

    Args:
        bench: Python module of the bench, e.g. `sim.bench_skid`.
        top: Module under test.
        sources: SystemVerilog files, packages first.
        parameters: Parameters of the module.
        simulator: `verilator` or `icarus`.
        seed: Seed of everything random.
        folder: Build folder, emptied first.
        config: What the bench must know, as JSON; `sim.tb.config()` gives it back.
        waves: Whether to write waveforms into the folder.
        coverage: Whether to write coverage.dat into the folder; Verilator only.
        bench_path: Folder to import the bench from.

    Returns:
        Number of tests run; all passed.

    Raises:
        ToolError: If the simulator is missing.
        CheckError: If a test failed, none ran, or the build failed; naming the log.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log, flags, runner = folder / "run.log", [], None
    results = folder / "results.xml"
    extra = {"FSRCNNX_BENCH": json.dumps({**parameters, **(config or {})})}
    env = verilated.environment() if simulator == "verilator" else {}
    files: list[Path] = list(sources)
    if simulator == "verilator":
        ports = folder / "ports.vlt"
        ports.write_text(f'`verilator_config\npublic_flat_rw -module "{top}" -port "*"\n',
                         encoding="utf-8")
        files, flags = [ports, *files], [*VERILATOR_FLAGS, *(COVERAGE_FLAGS if coverage else ())]
    with _environment({**env, "WAVES": str(int(waves))}, [bench_path, ROOT]):
        runner = PortsOnlyVerilator() if simulator == "verilator" else Icarus()
        options = {"hdl_toplevel": top, "build_dir": folder, "timescale": TIMESCALE,
                   "waves": waves}
        try:
            if simulator == "verilator":
                with verilated.runtime(folder, ("cocotb", *flags, str(waves))):
                    runner.build(sources=files, parameters=parameters, build_args=flags,
                                 always=True, log_file=folder / "build.log", **options)
            else:
                runner.build(sources=files, parameters=parameters, always=True,
                             log_file=folder / "build.log", **options)
            results.unlink(missing_ok=True)
            runner.test(test_module=bench, hdl_toplevel=top, build_dir=folder,
                        test_dir=folder, results_xml=str(results), seed=seed,
                        extra_env=extra, waves=waves, timescale=TIMESCALE, log_file=log)
        except (RuntimeError, SystemExit) as error:
            if not results.is_file():  # else it did run, and tests failed
                _holds(log, f"{bench} on {simulator}")
                raise CheckError(f"the bench did not run: {error}",
                                 where=f"{bench} on {simulator}",
                                 fix=f"see {folder}/build.log and {log}") from error
    if not results.is_file():
        _holds(log, f"{bench} on {simulator}")
    outcome = read_results(results, log)
    if outcome.failed:
        raise CheckError(
            f"{len(outcome.failed)} of {outcome.tests} tests failed: {', '.join(outcome.failed)}",
            where=f"{bench} on {simulator}, seed {seed}",
            fix=f"see {log}; repeat with `make sim SIM={simulator} SEED={seed} WAVES=1`")
    _holds(log, f"{bench} on {simulator}")
    return outcome
