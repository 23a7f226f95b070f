"""Command lines that ask for what there is not."""

from __future__ import annotations

import os

from tests.hostile.case import Case

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
    Case("negative-scale", ("prepare", ".", "-o", "a.h5", "--scale", "-2"), says="scale"),
)
