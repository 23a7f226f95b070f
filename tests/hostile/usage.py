"""Command lines that ask for what there is not."""

from __future__ import annotations

import os
from pathlib import Path

from tests.hostile.case import Case


def pixel(folder: Path) -> None:
    """A picture of one black pixel."""
    (folder / "a.pgm").write_bytes(b"P5 1 1 255\n\0")


CASES = (
    Case("no-such-command", ("upscael",), says="No such command"),
    Case("no-such-model", ("rtl", "fsrcnn-y_x2", "-o", "core"), says="unknown model"),
    Case("no-such-picture", ("upscale", "no.png", "-o", "out.png"), says="no such file"),
    Case("an-empty-output", ("upscale", "no.png", "-o", ""), says="an empty path"),
    Case("a-report-into-a-pipe", ("bench", "--json", "r.json"),
         lambda folder: os.mkfifo(folder / "r.json"), says=r"r\.json: a pipe"),
    Case("a-report-over-the-input", ("synth", "core", "--json", "core/top.sv"),
         lambda folder: ((folder / "core").mkdir(), (folder / "core/top.sv").write_text("")),
         says=r"suffix '\.sv'"),
    Case("no-output", ("upscale", "no.png"), says="[Mm]issing option"),
    Case("sim-an-option", ("sim", "--", "--version"), says="no such bench '--version'"),
    Case("sim-half-an-expression", ("sim", "foo("), says="no such bench"),
    Case("sim-an-operator", ("sim", "not"), says="no such bench 'not'"),
    Case("negative-width", ("upscale", "a.pgm", "-o", "b.png", "--max-width", "-5"), make=pixel,
         says="-5 is not in the range"),
    Case("no-value", ("verify", "--images"), says="see `fsrcnnx verify --help`"),
    Case("whole-pictures-of-none", ("verify", "--rungs", "hls-pictures"), says="no pictures for"),
    Case("codec-of-a-picture", ("upscale", "a.pgm", "-o", "b.png", "--codec", "ffv1"), make=pixel,
         says="--codec: given, but no video"),
    Case("model-of-bicubic", ("upscale", "a.pgm", "-o", "b.png", "--engine", "bicubic", "--model",
                              "bogus"), make=pixel, says="--model: given, but bicubic"),
    Case("simulator-of-golden", ("upscale", "a.pgm", "-o", "b.png", "--sim", "icarus"), make=pixel,
         says="--sim: given without --engine rtl"),
    Case("width-of-a-core-of-emulate", ("upscale", "a.pgm", "-o", "b.png", "--engine", "emulate",
                                        "--max-width", "8"), make=pixel,
         says="--max-width: given without --engine rtl"),
    Case("core-in-ascii", ("rtl", "fsrcnn-x_x2", "-o", "core"), code=0, keeps=("core",),
         env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    Case("a-prefix-that-is-code", ("c", "fsrcnn-x_x2", "-o", "core", "--prefix", "a(){}int b"),
         says="--prefix: prefix"),
    Case("negative-scale", ("prepare", ".", "-o", "a.h5", "--scale", "-2"), says="scale"),
)
