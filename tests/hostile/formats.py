"""Luma of other depths and signs than 8 unsigned bits; cores with faults in single bits of it.

Networks, cores and clips are made here, small; a core is spoiled after it was emitted.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.case import Case

SOFT = ("--rungs", "golden,qonnx,emulate")
ICARUS = ("verify", "model.onnx", "--rungs", "rtl-icarus", "--rtl-dir", "rtl")
DEEP = ("upscale", "in.y4m", "-o", "out.mkv", "--model", "model.onnx", "--engine", "golden",
        "--codec", "ffv1")
PICTURE = ("upscale", "in.png", "-o", "out.png", "--model", "model.onnx", "--engine")


def network(enters: str, leaves: str, **options) -> Callable[[Path], None]:
    """Lay out model.onnx of two ap types."""
    def make(home: Path) -> None:
        from fsrcnnx.exact.formats import Format
        from fsrcnnx.exact.onnx import io as onnx_io
        from tests.networks import random_network

        onnx_io.save(random_network(
            np.random.default_rng(1), channels=(3,), kernels=(3, 3), weight_bits=4,
            in_format=Format.parse(enters), out_format=Format.parse(leaves), **options),
            home / "model.onnx")
    return make


VIDEO10 = network("ap_ufixed<10,0>", "ap_ufixed<10,0>")
SIGNED10 = network("ap_fixed<10,1>", "ap_fixed<10,1>")
PIXELS = network("ap_ufixed<8,0>", "ap_ufixed<8,0>")


def core(model: Callable[[Path], None], file: str = "", old: str = "", new: str = "",
         **manifest) -> Callable[[Path], None]:
    """Lay out a model and its core, with a file's text, or an entry of the manifest, replaced."""
    def make(home: Path) -> None:
        from fsrcnnx.emit.rtl.folder import emit
        from fsrcnnx.exact.onnx import io as onnx_io

        model(home)
        emit(onnx_io.load(home / "model.onnx"), home / "rtl", max_width=64)
        if file:
            text = (home / "rtl" / file).read_text()
            assert old in text, f"{file} has changed: the fault cannot be planted"
            (home / "rtl" / file).write_text(text.replace(old, new, 1))
        said = json.loads((home / "rtl" / "manifest.json").read_text()) | manifest
        said = {key: value for key, value in said.items() if value is not ...}
        (home / "rtl" / "manifest.json").write_text(json.dumps(said))
    return make


def faulty(name: str, model: Callable[[Path], None], old: str, new: str,
           file: str = "fsrcnnx_top.sv") -> Case:
    """A core with a fault, which the ladder must see by its values."""
    return Case(name, ICARUS, core(model, file, old, new), code=1,
                says="first rtl-icarus on .*want", keeps=("rtl",))


def clip(tag: str, frame: bytes, model: Callable[[Path], None] = VIDEO10, width: int = 8,
         height: int = 6) -> Callable[[Path], None]:
    """Lay out a model and a y4m of one frame."""
    def make(home: Path) -> None:
        model(home)
        head = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C{tag}\n".encode()
        (home / "in.y4m").write_bytes(head + b"FRAME\n" + frame)
    return make


def noise(count: int, most: int = 1023) -> bytes:
    """Samples of two bytes."""
    return np.random.default_rng(3).integers(0, most, count, "<u2", endpoint=True).tobytes()


def gray(model: Callable[[Path], None]) -> Callable[[Path], None]:
    """Lay out a model and a gray picture of 8 bits."""
    def make(home: Path) -> None:
        model(home)
        Image.fromarray(np.arange(120, dtype=np.uint8).reshape(10, 12) * 2).save(home / "in.png")
    return make


def turned(home: Path) -> None:
    """Lay out a clip of 4:2:2 and 10 bits that a player turns by a quarter."""
    VIDEO10(home)
    run = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=16x8:d=0.1"]
    subprocess.run([*run, "-pix_fmt", "yuv422p10le", "-c:v", "libx264", "flat.mp4"], cwd=home,
                   check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-i", "flat.mp4", "-c", "copy", "-metadata:s:v",
                    "rotate=90", "in.mp4"], cwd=home, check=True)


TO_CORE, FROM_CORE = ".in_data_i(lr_data)", ".in_data_i(hr_data)"
CASES = (
    *(Case(f"verify-{name}", ("verify", "model.onnx", *SOFT), network(enters, leaves), code=0,
           says="PASS") for name, enters, leaves in (
        ("signed-8-bits-in", "ap_fixed<8,1>", "ap_ufixed<8,0>"),
        ("signed-8-bits-out", "ap_ufixed<8,0>", "ap_fixed<8,1>"),
        ("10-bits", "ap_ufixed<10,0>", "ap_ufixed<10,0>"),
        ("16-bits-in-1-out", "ap_ufixed<16,0>", "ap_ufixed<1,0>"),
        ("1-bit-in-12-signed-out", "ap_ufixed<1,0>", "ap_fixed<12,1>"),
        ("2-signed-bits", "ap_fixed<2,1>", "ap_fixed<2,1>"))),
    Case("verify-uint8-asked-of-10-bits", ("verify", "model.onnx", "--rungs", "uint8-onnx"),
         VIDEO10, code=1, says="8 unsigned bits"),
    Case("verify-an-anchor-that-rtl-rules-out", ("verify", "model.onnx", "--rungs", "rtl"),
         network("ap_fixed<8,1>", "ap_ufixed<8,0>", anchor=True), code=1,
         says="an unsigned anchor in RTL"),
    Case("verify-picture-of-8-bits-by-10", ("verify", "model.onnx", "--lr", "--images", "in.png",
                                            *SOFT), gray(VIDEO10), code=0, says="PASS"),
    Case("ranges-of-signed-luma", ("ranges", "model.onnx"), SIGNED10, code=0,
         says="nothing in .* frames"),
    Case("bench-10-bits", ("bench", "model.onnx", "--size", "9x8", "--rounds", "1", "--contenders",
                           "golden,onnx"), VIDEO10, code=0, says="SKIP.*8 unsigned bits"),
    Case("rtl-of-a-signed-anchor", ("rtl", "model.onnx", "-o", "core"),
         network("ap_fixed<8,1>", "ap_ufixed<8,0>", anchor=True), says="unsigned anchor"),
    Case("core-of-10-bits-is-true", ICARUS, core(VIDEO10), code=0, says="PASS", keeps=("rtl",)),
    faulty("core-cuts-upper-input-bits", VIDEO10, TO_CORE, ".in_data_i({2'b0, lr_data[7:0]})"),
    faulty("core-sticks-lowest-input-bit", VIDEO10, TO_CORE, ".in_data_i({lr_data[9:1], 1'b0})"),
    faulty("core-cuts-sign-of-input", SIGNED10, TO_CORE, ".in_data_i({1'b0, lr_data[8:0]})"),
    faulty("core-cuts-upper-output-bits", VIDEO10, FROM_CORE, ".in_data_i(hr_data & {4{10'hff}})"),
    faulty("core-flips-sign-of-output", SIGNED10, FROM_CORE, ".in_data_i(hr_data ^ 40'h200)"),
    faulty("core-takes-signed-for-unsigned", SIGNED10, "LAYER_IN_SIGNED = {32'd1, 32'd1}",
           "LAYER_IN_SIGNED = {32'd1, 32'd0}", "fsrcnnx_pkg.sv"),
    *(Case(f"manifest-{name}", ICARUS, core(VIDEO10, **entry), code=code, says=says)
      for name, entry, code, says in (
        ("without-format", {"in_format": ...}, 2, "not an emitted core"),
        ("format-is-a-number", {"out_format": 10}, 2, "not an emitted core"),
        ("format-of-99-bits", {"in_format": "ap_ufixed<99,0>"}, 2, "not an emitted core"),
        ("format-of-no-bits", {"in_format": "ap_ufixed<0,0>"}, 2, "not an emitted core"),
        ("format-with-many-digits", {"in_format": f"ap_ufixed<{'9' * 5000},0>"}, 2,
         "not an emitted core"),
        ("format-too-narrow", {"in_format": "ap_ufixed<8,0>"}, 2, "outside the input format"),
        ("output-too-narrow", {"out_format": "ap_ufixed<8,-2>"}, 1, "first rtl-icarus on"),
        ("output-signed", {"out_format": "ap_fixed<10,0>"}, 1, "first rtl-icarus on"))),
    *(Case(f"picture-of-8-bits-by-{engine}-of-10", (*PICTURE, engine), gray(VIDEO10),
           says="8 bits; allowed: 10 bits, as model.onnx takes")
      for engine in ("golden", "emulate", "onnx", "rtl", "hls")),
    Case("picture-by-a-signed-network", (*PICTURE, "golden"), gray(SIGNED10),
         says="8 bits; allowed: 10 signed bits"),
    Case("clip-of-10-bits", DEEP, clip("420p10", noise(72)), code=0, says="16x12",
         keeps=("out.mkv",)),
    Case("clip-of-10-bits-odd", DEEP, clip("420p10", noise(35 + 2 * 12), width=7, height=5), code=0,
         says="14x10", keeps=("out.mkv",)),
    Case("clip-of-10-bits-by-8", DEEP, clip("420p10", noise(72), PIXELS),
         says="in.y4m: pixel format yuv420p10le, 10 bits; allowed: 8 bits, as model.onnx takes"),
    Case("clip-of-8-bits-by-10", DEEP, clip("mono", bytes(48)),
         says="in.y4m: pixel format gray, 8 bits; allowed: 10 bits, as model.onnx takes"),
    Case("clip-of-10-bits-by-a-signed-network", DEEP, clip("mono10", noise(48), SIGNED10),
         says="10 bits; allowed: 10 signed bits"),
    Case("clip-of-12-bits", DEEP, clip("420p12", noise(72)),
         says="pixel format yuv420p12le; allowed: 8 or 10 bits"),
    Case("clip-of-10-bits-truncated", DEEP, clip("420p10", noise(60)), says="in.y4m"),
    Case("clip-of-10-bits-beyond-them", DEEP, clip("mono10", noise(48, 65535)),
         says="a sample of 6.*; allowed: 10 bits"),
    Case("clip-of-10-bits-turned", ("upscale", "in.mp4", *DEEP[2:]), turned,
         says="turned pictures of 4:2:2; allowed: 4:2:0"),
)
