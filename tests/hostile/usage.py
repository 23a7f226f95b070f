"""Command lines that ask for what there is not."""

from __future__ import annotations

from tests.hostile.case import Case

CASES = (
    Case("no-such-command", ("upscael",), says="No such command"),
    Case("no-such-model", ("rtl", "fsrcnn-y_x2", "-o", "core"), says="unknown model"),
    Case("no-such-picture", ("upscale", "no.png", "-o", "out.png"), says="no such file"),
    Case("no-output", ("upscale", "no.png"), says="[Mm]issing option"),
    Case("negative-scale", ("prepare", ".", "-o", "a.h5", "--scale", "-2"), says="scale"),
)
