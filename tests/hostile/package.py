"""Emitted folders that were damaged, tools and packages that are not there, options of `rtl`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.exact.onnx import io as onnx_io
from tests.hostile.case import ROOT, Case
from tests.networks import random_network

Damage = Callable[[Path], object]
NOWHERE = {"PATH": "/nowhere"}
ICARUS = ("--rungs", "rtl-icarus", "--rtl-dir", "core")


def model(folder: Path) -> None:
    """A tiny network's files, and a picture."""
    network = random_network(np.random.default_rng(1), channels=(2,), kernels=(1, 3))
    onnx_io.save(network, folder / "model.onnx")
    pixels = np.random.default_rng(2).integers(0, 256, (12, 16), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")


def core(damage: Damage = lambda core: None) -> Callable[[Path], None]:
    """Lay out a network and its core, the core with some damage."""
    def make(folder: Path) -> None:
        model(folder)
        emit(onnx_io.load(folder / "model.onnx"), folder / "core", max_width=64, max_height=64)
        damage(folder / "core")
    return make


def put(name: str, content: str | bytes | None) -> Damage:
    """Replace a file, or take it away."""
    def damage(core: Path) -> None:
        (core / name).unlink()
        if isinstance(content, bytes):
            (core / name).write_bytes(content)
        elif content is not None:
            (core / name).write_text(content)
    return damage


def edit(name: str, old: str, new: str) -> Damage:
    """Replace a text in a file that must hold it."""
    def damage(core: Path) -> None:
        text = (core / name).read_text()
        assert old in text
        (core / name).write_text(text.replace(old, new, 1))
    return damage


def said(**values: object) -> Damage:
    """Change what the manifest says."""
    def damage(core: Path) -> None:
        told = json.loads((core / "manifest.json").read_text())
        (core / "manifest.json").write_text(json.dumps(told | values))
    return damage


def instead(name: str, make: Callable[[Path], object]) -> Damage:
    """Put something that is no plain file in a file's place."""
    def damage(core: Path) -> None:
        (core / name).unlink()
        make(core / name)
    return damage


def cut(name: str) -> Damage:
    """Leave the first half of a file."""
    def damage(core: Path) -> None:
        data = (core / name).read_bytes()
        (core / name).write_bytes(data[: len(data) // 2])
    return damage


def flipped(core: Path) -> None:
    """Change one bit of a bias."""
    text = (core / "fsrcnnx_mem_pkg.sv").read_text()
    head, rest = text.split("BIASES = {", 1)
    at = rest.index("'h") + 2
    digit = "8" if rest[at] == "0" else "0"
    (core / "fsrcnnx_mem_pkg.sv").write_text(f"{head}BIASES = {{{rest[:at]}{digit}{rest[at + 1:]}")


def hidden(package: str, error: str) -> Callable[[Path], None]:
    """A package in front of the real one that cannot be imported."""
    def make(folder: Path) -> None:
        model(folder)
        (folder / "hide" / package).mkdir(parents=True)
        (folder / "hide" / package / "__init__.py").write_text(f"raise {error}\n")
    return make


def without(name: str, package: str, args: tuple[str, ...], error: str = "",
            says: str = "") -> Case:
    """A command whose package is missing."""
    gone = error or f"ModuleNotFoundError('No module named {package}', name={package!r})"
    return Case(name, args, hidden(package, gone), 3, says or f"{package}.*fix: make setup",
                env={"PYTHONPATH": f"hide{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"})


def tool(name: str, text: str) -> Callable[[Path], None]:
    """A program in front of the real one."""
    def make(folder: Path) -> None:
        core()(folder)
        (folder / "bin").mkdir()
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    return make


SYNTH = ("synth", "core", "--device", "ecp5")
VERIFY = ("verify", "model.onnx", *ICARUS)
UPSCALE = ("upscale", "a.png", "-o", "b.png", "--engine", "rtl", "--sim", "icarus", "--model",
           "model.onnx")
RTL = ("rtl", "model.onnx", "-o", "out")
BIN = {"PATH": f"bin{os.pathsep}{os.environ['PATH']}"}

CASES = (
    # what the memories hold
    Case("package-memories-gone", SYNTH, core(put("fsrcnnx_mem_pkg.sv", None)), 2, "is missing"),
    Case("package-memories-gone-verify", VERIFY, core(put("fsrcnnx_mem_pkg.sv", None)), 2,
         "is missing"),
    Case("package-memories-empty", SYNTH, core(put("fsrcnnx_mem_pkg.sv", "")), 1, "ERROR|refuse"),
    Case("package-memories-empty-verify", VERIFY, core(put("fsrcnnx_mem_pkg.sv", "")), 1,
         "cannot compile"),
    Case("package-memories-cut", SYNTH, core(cut("fsrcnnx_mem_pkg.sv")), 1, "ERROR"),
    Case("package-memories-cut-verify", VERIFY, core(cut("fsrcnnx_mem_pkg.sv")), 1,
         "cannot compile"),
    Case("package-one-bit-of-a-bias", VERIFY, core(flipped), 1, "rtl-icarus"),
    Case("package-memories-are-a-folder", VERIFY,
         core(instead("fsrcnnx_mem_pkg.sv", Path.mkdir)), 2, "missing|plain file"),
    Case("package-memories-never-end", SYNTH,
         core(instead("fsrcnnx_mem_pkg.sv", lambda path: path.symlink_to("/dev/zero"))), 2, ""),
    Case("package-memories-are-a-pipe", SYNTH, core(instead("fsrcnnx_mem_pkg.sv", os.mkfifo)), 2,
         "", seconds=60),
    # the sources
    Case("package-another-top", SYNTH, core(put("fsrcnnx_top.sv", "module other; endmodule\n")), 1,
         "fsrcnnx_top"),
    Case("package-top-is-binary", SYNTH, core(put("fsrcnnx_top.sv", os.urandom(4096))), 1, ""),
    Case("package-top-cut-bits", VERIFY,
         core(edit("fsrcnnx_top.sv", ".in_data_i(lr_data)", ".in_data_i(lr_data & 8'h0f)")), 1,
         "rtl-icarus"),
    # the list of files
    Case("package-list-empty", SYNTH, core(put("files.f", "")), 2, "files"),
    Case("package-list-of-comments", SYNTH, core(put("files.f", "// nothing\n\n")), 2, "files"),
    Case("package-list-climbs-out", SYNTH, core(put("files.f", "../model.onnx\n")), 2, "files.f"),
    Case("package-list-absolute", VERIFY, core(put("files.f", "/etc/passwd\n")), 2, "files.f"),
    Case("package-list-is-no-text", VERIFY, core(put("files.f", b"\xff\xfe\x00\x01")), 2,
         "files.f"),
    Case("package-list-with-a-command", SYNTH,
         core(put("files.f", "fsrcnnx_top.sv; exec -- touch owned\n")), 2, "files.f"),
    # the manifest
    Case("package-manifest-empty", VERIFY, core(put("manifest.json", "")), 2, "manifest"),
    Case("package-manifest-gone", VERIFY, core(put("manifest.json", None)), 2, "manifest"),
    Case("package-manifest-is-a-list", SYNTH, core(put("manifest.json", "[1, 2]")), 2, "manifest"),
    Case("package-manifest-is-deep", SYNTH, core(put("manifest.json", "[" * 100000)), 2,
         "manifest"),
    Case("package-manifest-scale-of-a-million", VERIFY, core(said(scale=10**6)), 2, "scale"),
    Case("package-manifest-width-is-text", VERIFY, core(said(max_width="64")), 2, "max_width"),
    Case("package-manifest-is-nan", VERIFY,
         core(edit("manifest.json", '"max_height": 64', '"max_height": NaN')), 2, "max_height"),
    Case("package-manifest-of-another-network", VERIFY, core(said(content_hash="0" * 64)), 2,
         "hash|network"),
    # the folder
    Case("package-no-folder", SYNTH, model, 2, "no such folder|core"),
    Case("package-folder-is-a-file", SYNTH, lambda home: (home / "core").write_text("a"), 2,
         "core"),
    Case("package-folder-is-a-dead-link", VERIFY,
         lambda home: (model(home), (home / "core").symlink_to("gone")), 2, "core"),
    Case("package-folder-of-an-hls-project", VERIFY, core(
        lambda folder: [shutil.rmtree(folder), folder.mkdir(), (folder / "firmware").mkdir()]), 2,
         "core"),
    # options of rtl
    Case("package-no-height", (*RTL, "--max-height", "0"), model, 2, "--max-height"),
    Case("package-huge-height", (*RTL, "--max-height", "99999999999"), model, 2, "--max-height"),
    Case("package-negative-width", (*RTL, "--max-width", "-5"), model, 2, "--max-width"),
    Case("package-height-of-words", (*RTL, "--max-height", "tall"), model, 2, "--max-height"),
    Case("package-three-pixels-a-beat", (*RTL, "--pixels-per-beat", "3"), model, 2, "beat"),
    Case("package-no-cycles", (*RTL, "--cycles-per-pixel", "0"), model, 2, "cycles"),
    Case("package-cycles-without-end", (*RTL, "--cycles-per-pixel", "999999999"), model, 2,
         "cycles"),
    # tools that are not there, or are something else
    # a rung of `verify` that cannot run is one that failed; other commands end with 3
    Case("package-no-icarus", VERIFY, core(), 1, "apt-get install iverilog", env=NOWHERE),
    Case("package-no-icarus-upscale", UPSCALE, model, 3, "apt-get install iverilog", env=NOWHERE),
    Case("package-no-compiler", ("upscale", "a.png", "-o", "b.png", "--engine", "hls", "--model",
                                 "model.onnx"), model, 3, "apt-get install g", env=NOWHERE),
    Case("package-old-icarus", VERIFY, tool("iverilog", "echo 'Icarus Verilog version 10.3'"), 1,
         "too old.*10.3", env=BIN),
    Case("package-icarus-without-a-version", VERIFY, tool("iverilog", "echo hello"), 1,
         "unknown version", env=BIN),
    Case("package-icarus-that-fails", UPSCALE, tool(
        "iverilog", 'test "$1" = -V && echo "Icarus Verilog version 11.0" || exit 7'), 3,
         "cannot compile", env=BIN),
    Case("package-icarus-that-makes-nothing", UPSCALE, tool(
        "iverilog", 'test "$1" = -V && echo "Icarus Verilog version 11.0" || exit 0'), 3,
         "cannot compile",
         env=BIN),
    # packages that are not there, or cannot be loaded
    without("package-no-torch-train", "torch", ("train", "a.h5", "b.h5", "-o", "w")),
    without("package-no-torch-emulate", "torch", ("upscale", "a.png", "-o", "b.png", "--engine",
                                                  "emulate", "--model", "model.onnx")),
    without("package-no-hls4ml", "hls4ml", ("hls", "model.onnx", "-o", "hls", "--width", "4",
                                            "--height", "4")),
    without("package-no-da4ml", "da4ml", ("hls", "model.onnx", "-o", "hls", "--width", "4",
                                          "--height", "4")),
    without("package-no-matplotlib", "matplotlib", ("ranges", "model.onnx", "--plot", "a.png.svg")),
    without("package-no-onnxruntime", "onnxruntime", (
        "test", ".", "--engine", "onnx", "--model", "model.onnx")),
    without("package-torch-lacks-a-library", "torch", ("train", "a.h5", "b.h5", "-o", "w"),
            "ImportError('libtorch.so: cannot open shared object file')", "libtorch.so"),
    without("package-torch-of-another-version", "torch", ("train", "a.h5", "b.h5", "-o", "w"),
            "ImportError('cannot import name nn', name='torch', path='/x')", "torch"),
)
