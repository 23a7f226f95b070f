#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prove the rules of formal/ about the modules of rtl/; show that what they speak of is reached.

Yosys makes a module and its harness one netlist, ABC proves every rule of it: by property directed
reachability for every depth, or by bounded model checking up to a stated one. Every register that a
reset does not set begins at any value. Every cover statement must be reached, else a rule may hold
because nothing happens.

    python scripts/formal.py                       # all; --quick leaves out what takes long
    python scripts/formal.py fifo --rtl folder     # one, of other files: a mutated copy
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from fsrcnnx import tools
from fsrcnnx.cli.console import guard
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.prove.simulation import verilated

ROOT = Path(__file__).resolve().parents[1]
HARNESSES = ROOT / "formal"
REACH = 80       # clocks within which every cover statement must be reached
# a cover statement is reached where the assertion of its opposite fails
COVER = """(* techmap_celltype = "$cover" *)
module cover_by_assert (A, EN);
  input A, EN;
  \\$assert _TECHMAP_REPLACE_ (.A(!(A && EN)), .EN(1'b1));
endmodule
"""


@dataclass(frozen=True)
class Proof:
    """One harness at one set of parameters.

    Args:
        name: Harness in formal/, after its module: NAME.sv with the module NAME_proof.
        uses: Further modules that it needs.
        parameters: Those of the harness that are not its defaults.
        depth: Clocks that are looked at; None: all there can ever be.
        slow: Whether `--quick` leaves it out.
    """

    name: str
    uses: tuple[str, ...] = ()
    parameters: dict[str, int] = field(default_factory=dict)
    depth: int | None = None
    slow: bool = False

    @property
    def given(self) -> str:
        """Its parameters in words."""
        return " ".join(f"{name} {value}" for name, value in self.parameters.items()) or "-"


def widths(value: int, shift: int, out: int, signed: int) -> dict[str, int]:
    """Parameters of fsrcnnx_requantise."""
    return {"ValueBits": value, "Shift": shift, "OutBits": out, "OutSigned": signed}


def sloped(slope: int, stages: int, value: int) -> dict[str, int]:
    """Parameters of fsrcnnx_slope."""
    return {"AccBits": 8, "Slope": slope, "Frac": 6, "Stages": stages, "ValueBits": value}


PROOFS = (
    Proof("skid"),
    Proof("fifo"),
    Proof("line_fifo"),
    Proof("line_fifo", parameters={"Paced": 1}),
    *(Proof("aside", parameters={"Words": words}) for words in (4, 5)),  # a power of two, or not
    Proof("turn"),
    Proof("axis_guard", ("turn",)),
    Proof("prelu"),
    *(Proof("sequencer", ("turn", "line_fifo"), depth=depth, slow=depth > 30)
      for depth in (26, 40)),
    *(Proof("subpixel", ("turn", "skid"), {"PixelsPerBeat": beat}, depth=depth, slow=depth > 16)
      for beat, depth in ((4, 16), (4, 20), (2, 20))),
    *(Proof("requantise", parameters=widths(*bits), slow=at > 1) for at, bits in enumerate((
        (26, 14, 8, 1), (12, 3, 6, 0), (20, 9, 8, 0), (12, 0, 8, 1), (8, 1, 8, 0), (8, 11, 8, 1)))),
    *(Proof("slope", ("delay",), sloped(*digits), slow=at > 0) for at, digits in enumerate((
        (-107, 4, 15), (87, 4, 15), (0, 1, 14), (64, 1, 15), (3, 1, 14), (-8, 3, 14)))),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a proof.

    Args:
        rules: How many there are.
        goals: How many cover statements there are.
        broken: Names of the rules that do not hold, with the clock.
        missed: Names of the cover statements that were not reached.
        open: Whether time ran out before all rules were decided.
        how: What was used, and how deep it looked.
    """

    rules: int
    goals: int
    broken: tuple[str, ...]
    missed: tuple[str, ...]
    open: bool
    how: str

    @property
    def passed(self) -> bool:
        """Whether every rule holds and every cover statement is reached."""
        return not (self.broken or self.missed or self.open)


def _constant(value: int) -> str:
    """An integer as Yosys takes it on a command line, where no minus may stand."""
    return str(value) if value >= 0 else f"32'sh{value % 2**32:x}"


def netlists(proof: Proof, rtl: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Write rules.aig and goals.aig; name the rules and the cover statements in their order."""
    top = f"{proof.name}_proof"
    files = [rtl / f"fsrcnnx_{name}.sv" for name in (*proof.uses, proof.name)]
    chosen = "".join(f" -chparam {name} {_constant(value)}"
                     for name, value in proof.parameters.items())
    (folder / "cover.v").write_text(COVER, encoding="utf-8")
    for path in (*files, HARNESSES / f"{proof.name}.sv"):
        shutil.copy(path, folder)  # a script of Yosys cannot say every folder's name
    names = " ".join(path.name for path in files)
    finish = ("techmap; simplemap; opt -fast; dffunmap; aigmap; setundef -anyseq; "
              "tee -q -o {0}.txt select -list t:$assert; write_aiger {0}.aig; ")
    script = (
        f"read_verilog -formal -sv -defer {names} {proof.name}.sv; "
        f"hierarchy -check -top {top}{chosen}; prep -top {top} -flatten; memory_map; async2sync; "
        "dffunmap; opt_clean; setundef -undriven -anyseq; design -save both; "
        "delete t:$cover; " + finish.format("rules") + "design -load both; "
        "delete t:$assert; techmap -map cover.v; " + finish.format("goals"))
    yosys = shutil.which("yosys") or tools.find("yosys")  # that of the wheel starts more slowly
    done = subprocess.run([yosys, "-q", "-p", script], cwd=folder, check=False,
                          capture_output=True, encoding="utf-8",
                          env={**os.environ, **tools.environment("yosys")})
    if done.returncode:
        raise CheckError(f"Yosys refuses it: {(done.stdout + done.stderr).strip()[-200:]}",
                         where=proof.name)
    return tuple([_name(line.rpartition("/")[2]) for line in (folder / f"{kind}.txt").read_text(
        encoding="utf-8").splitlines()] for kind in ("rules", "goals"))


def _name(cell: str) -> str:
    """What a cell is called: a rule by its label, an assertion of a module by its place."""
    place = re.search(r"\$assert\$([^$]+:\d+)\$", cell)
    return place[1] if place else cell


def ask(folder: Path, netlist: str, command: str) -> str:
    """Run ABC on a netlist; registers without a first value begin at any."""
    done = subprocess.run(
        [tools.find("abc"), "-q", f"read_aiger {netlist}; logic; undc; strash; fold; {command}"],
        cwd=folder, check=False, encoding="utf-8", capture_output=True)
    if done.returncode < 0:
        raise CheckError(f"ABC ended by signal {-done.returncode}", where=command)
    return done.stdout + done.stderr


def asserted(said: str, names: list[str]) -> dict[str, str]:
    """Which outputs could be asserted, by name, and in which clock."""
    return {names[int(output)]: clock for output, clock in re.findall(
        r"Output +(\d+) (?:of miter \S+ )?was asserted in frame +(\d+)", said)}


def prove(proof: Proof, rtl: Path, seconds: int, reach: int = REACH) -> Outcome:
    """Decide every rule of a proof and reach every cover statement.

    Args:
        proof: The proof.
        rtl: Folder of the modules.
        seconds: Most time for the rules.
        reach: Clocks within which every cover statement must be reached.

    Returns:
        What came of it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rules, goals = netlists(proof, rtl, folder)
        if proof.depth is None:
            said = ask(folder, "rules.aig", f"pdr -a -T {seconds}")
            counts = re.search(r"Proved = (\d+)\. Disproved = (\d+)\. Undecided = 0", said)
            decided = bool(counts) and int(counts[1]) + int(counts[2]) == len(rules)
        else:
            said = ask(folder, "rules.aig",
                       f"dc2; scorr; dc2; bmc3 -T {seconds} -F {proof.depth}")
            decided = f"No output asserted in {proof.depth} frames" in said
        broken = asserted(said, rules)
        search = "pdr" if proof.depth is None else "bmc3"
        reached = asserted(ask(folder, "goals.aig", f"{search} -a -T {seconds} -F {reach}"), goals)
    return Outcome(len(rules), len(goals),
                   tuple(f"{name} (clock {clock})" for name, clock in broken.items()),
                   tuple(name for name in goals if name not in reached),
                   not decided and not broken,
                   f"{proof.depth} clocks" if proof.depth else "every depth")


def every_input(product: Path, folder: Path, signed: int, sample_bits: int,
                weight_bits: int) -> str:
    """Say what sim/product_tb.sv says of a text of fsrcnnx_product, over all inputs.

    Args:
        product: The module's file.
        folder: Where to build.
        signed: 1 if samples are signed.
        sample_bits: Bits of a sample.
        weight_bits: Bits of a weight.

    Returns:
        A line with PASS and the number of inputs, or with FAIL.
    """
    subprocess.run(
        [tools.find("verilator"), "--binary", "--timing", "-O3", "-Wno-fatal", "--timescale",
         "1ns/1ps", "--top-module", "product_tb", f"-GSampleSigned={signed}",
         f"-GSampleBits={sample_bits}", f"-GWeightBits={weight_bits}", "-Mdir", folder / "obj",
         product, ROOT / "sim" / "product_tb.sv"],
        check=True, capture_output=True, encoding="utf-8", env=verilated.environment())
    return subprocess.run([folder / "obj" / "Vproduct_tb"], check=True, capture_output=True,
                          encoding="utf-8").stdout


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--rtl", type=click.Path(path_type=Path), default=ROOT / "rtl",
              help="Folder of the modules.")
@click.option("--quick", is_flag=True, help="Leave out what takes long.")
@click.option("--seconds", default=900, show_default=True, help="Most time for a proof's rules.")
def main(names, rtl, quick, seconds):
    """Prove the rules of formal/; NAME: only those about these modules."""
    known = [*dict.fromkeys(proof.name for proof in PROOFS), "product"]
    for name in names:
        if name not in known:
            raise InputError("no such proof", where=name, allowed=", ".join(known))
    tools.find("abc")  # without it nothing is printed
    form = "{:<12} {:<44} {:>5} {:>5}  {:<14} {:>6}  {}"
    click.echo(form.format("module", "parameters", "rules", "goals", "holds for", "s", ""))
    wrong = 0

    def row(name: str, given: str, outcome: Outcome, began: float) -> None:
        nonlocal wrong
        wrong += not outcome.passed
        click.echo(form.format(name, given, outcome.rules, outcome.goals, outcome.how,
                               f"{time.monotonic() - began:.1f}",
                               "PASS" if outcome.passed else "FAIL"))
        for what, found in (("does not hold", outcome.broken), ("never reached", outcome.missed)):
            for one in found:
                click.echo(f"  {what}: {one}")
        if outcome.open:
            click.echo(f"  not decided within {seconds} s")

    for proof in PROOFS:
        if proof.name in (names or known) and not (quick and proof.slow):
            began = time.monotonic()
            row(proof.name, proof.given, prove(proof, rtl, seconds), began)
    for signed in (0, 1):
        if "product" in (names or known) and not quick:
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as scratch:
                said = every_input(rtl / "fsrcnnx_product.sv", Path(scratch), signed, 8, 8)
            passed = f"PASS {1 << 24} inputs" in said
            row("product", f"SampleBits 8 SampleSigned {signed} WeightBits 8", Outcome(
                1, 1, () if passed else ("two products are exact",), (), False,
                "every input"), began)
    if wrong:
        raise CheckError(f"{wrong} not proved", where="formal", allowed="every row PASS")


if __name__ == "__main__":
    guard(main)
