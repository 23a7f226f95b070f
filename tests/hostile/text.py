"""Texts that would be code, files without end, sizes beyond all limits: models, manifests, make.

May import the standard library; what a case needs besides is imported where its input is made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.hostile.case import Case

VERILOG = '\ninitial $system("touch trap");\n//'
CPP = '\nstatic int trap = system("touch trap");\n//'
NO_NAME = "a network name that cannot be one; allowed: letters, digits"


def good() -> bytes:
    """A small QONNX file."""
    import numpy as np

    from fsrcnnx.exact.onnx.write import encode
    from tests.networks import random_network

    return encode(random_network(np.random.default_rng(1), channels=(2,), kernels=(1, 3)))


def model(change: Callable = lambda model: None, name: str = "a.onnx") -> Callable[[Path], object]:
    """Lay a changed QONNX file into the folder."""
    def make(home: Path) -> None:
        import onnx

        read = onnx.load_model_from_string(good())
        change(read)
        (home / name).write_bytes(read.SerializeToString())
    return make


def named(name: str) -> Callable[[Path], object]:
    """A file whose network has this name."""
    def change(read) -> None:
        read.metadata_props[0].value = name
    return model(change)


def foreign(change: Callable) -> Callable[[Path], object]:
    """A changed file that is none of ours."""
    def both(read) -> None:
        del read.metadata_props[:]
        change(read)
    return model(both)


def data(content: bytes, name: str = "a.onnx") -> Callable[[Path], object]:
    """A file of these bytes."""
    return lambda home: (home / name).write_bytes(content)


def block(number: int, content: bytes) -> bytes:
    """A field of a message, of a length."""
    size, head = len(content), b""
    while size > 127:
        head, size = head + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + head + bytes([size]) + content


def endless(name: str) -> Callable[[Path], object]:
    """A file of a terabyte that takes no room."""
    def make(home: Path) -> None:
        with (home / name).open("wb") as file:
            file.truncate(1 << 40)
    return make


def set_dims(*dims: int) -> Callable:
    """Give the first weights other dimensions."""
    def change(read) -> None:
        tensor = next(t for t in read.graph.initializer if t.name == "conv0_weight")
        del tensor.dims[:]
        tensor.dims.extend(dims)
    return change


def external(read) -> None:
    """Let the data of a tensor lie elsewhere."""
    tensor = read.graph.initializer[0]
    tensor.data_location = 1
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def beside(change: Callable) -> Callable[[Path], object]:
    """A model's folder whose float companion is changed."""
    def make(home: Path) -> None:
        import onnx
        from PIL import Image

        from fsrcnnx.exact.onnx.read import decode
        from fsrcnnx.exact.onnx.stock import encode_float

        (home / "model.onnx").write_bytes(good())
        read = onnx.load_model_from_string(encode_float(decode(good(), "model.onnx")))
        change(read)
        (home / "model_float.onnx").write_bytes(read.SerializeToString())
        Image.new("L", (4, 4)).save(home / "a.png")
    return make


def add(op: str, **attributes) -> Callable:
    """Put a node behind the end."""
    def change(read) -> None:
        from onnx import helper

        read.graph.node.append(helper.make_node(op, ["hr"], ["end"], **attributes))
    return change


def core(change: Callable[[Path], object]) -> Callable[[Path], object]:
    """An emitted folder, then changed."""
    def make(home: Path) -> None:
        from fsrcnnx.emit.rtl.folder import emit
        from fsrcnnx.exact.onnx.read import decode

        emit(decode(good(), "a.onnx"), home / "core", max_width=8, max_height=8)
        change(home / "core")
    return make


def manifest(**values) -> Callable[[Path], object]:
    """A core whose manifest says something else."""
    def change(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return core(change)


def listed(text: str) -> Callable[[Path], object]:
    """A core with another list of files."""
    return core(lambda folder: (folder / "files.f").write_text(text, newline=""))


def linked(folder: Path) -> None:
    """A source that lies outside."""
    (folder / "fsrcnnx_top.sv").unlink()
    (folder / "fsrcnnx_top.sv").symlink_to("/etc/passwd")


def project(**values: str) -> Callable[[Path], object]:
    """What looks like an HLS project, with these settings in its Tcl."""
    said = {"backend": '"vitis"', "project_name": '"fsrcnnx_hls"', "part": '"xcku5p-ffvb676-2-e"',
            **values}

    def make(home: Path) -> None:
        (home / "project" / "firmware").mkdir(parents=True)
        (home / "project" / "build_prj.tcl").write_text("exit 1\n")
        (home / "project" / "project.tcl").write_text(
            "".join(f"set {key} {value}\n" for key, value in said.items()))
    return make


def weights(**values: str) -> Callable[[Path], object]:
    """A weights file with these texts."""
    def make(home: Path) -> None:
        import torch

        from fsrcnnx.exact.onnx.model import shipped_weights

        content = torch.load(shipped_weights("fsrcnn-s_x2"), weights_only=True)
        torch.save({**content, **values}, home / "a.pth")
    return make


def deep(read) -> None:
    """Put nodes of many layers behind the end, not joined."""
    from onnx import helper

    for at in range(3000):
        read.graph.node.append(helper.make_node("Identity", ["hr"], [f"end{at}"]))


RTL = ("rtl", "a.onnx", "-o", "out")
HLS = ("hls", "a.onnx", "-o", "out", "--width", "4", "--height", "4")
IMPORT = ("import", "a.onnx", "-o", "out")
FLOAT = ("upscale", "a.png", "-o", "b.png", "--engine", "float", "--model", "model.onnx")
SYNTH = ("synth", "core", "--device", "ecp5")

CASES = (
    Case("name-systemverilog", RTL, named(f"a{VERILOG}"), says=NO_NAME),
    Case("name-cpp", HLS, named(f"a{CPP}"), says=NO_NAME),
    Case("name-comment-end", IMPORT, named("a*/ system(\"x\"); /*"), says=NO_NAME),
    Case("name-line-separator", RTL, named("a\u2028$system"), says=NO_NAME),
    Case("name-escape", RTL, named("a\x1b[2Jb"), says=r"\\x1b\[2J.*cannot be one"),
    Case("name-nul", RTL, named("a\0b"), says=NO_NAME),
    Case("name-path", RTL, named("../../a"), says=NO_NAME),
    Case("name-long", RTL, named("a" * 65), says=NO_NAME),
    Case("name-megabyte", RTL, named("a" * 10**6), says="too long; allowed: up to 4096 characters"),
    Case("name-not-utf8", RTL, lambda home: (home / "a.onnx").write_bytes(
        good().replace(b"random_x2", b"random\xff\xfe2")), says="text that is not UTF-8|corrupt"),
    Case("file-name-odd", ("rtl", "a $(touch trap);\n\u2028 (2).onnx", "-o", "out"),
         model(lambda read: read.metadata_props.__delitem__(slice(None)),
               "a $(touch trap);\n\u2028 (2).onnx"), code=0, says="out", keeps=("out",)),
    Case("node-name-escape", RTL,
         foreign(lambda read: (setattr(read.graph.node[0], "name", "\x1b]0;owned\x07"),
                               setattr(read.graph.node[0], "op_type", "Loop"))),
         says=r"\\x1b\]0;owned\\x07"),
    Case("nodes-millions", RTL, data(block(7, block(1, b"") * (4 << 20))), seconds=30,
         megabytes=512, says="more than 262144 fields"),
    Case("integers-millions", RTL, data(block(7, block(1, block(5, block(8, b"\0" * (8 << 20)))))),
         seconds=30, megabytes=512, says="more than 262144 fields"),
    Case("nodes-thousands", RTL, foreign(deep), says="nodes; allowed: up to"),
    Case("dimensions-huge", RTL, foreign(set_dims(1 << 60, 1 << 60, 3, 3)), megabytes=512,
         says="not a valid ONNX file|allowed: up to 8 axes"),
    Case("dimensions-negative", IMPORT, foreign(set_dims(2, 1, -1, 1)), megabytes=512,
         says="not a valid ONNX file|allowed: up to 8 axes"),
    Case("data-elsewhere", RTL, foreign(external), says="lies in an external file"),
    Case("prescale-huge", RTL, model(lambda read: read.metadata_props.add(
        key="prescale", value="9" * 4000)), says="metadata prescale"),
    Case("model-terabyte", RTL, endless("a.onnx"), megabytes=512, says="bytes, too large"),
    Case("model-folder", RTL, lambda home: (home / "a.onnx").mkdir(), says="no such file"),
    Case("model-pipe", IMPORT, lambda home: os.mkfifo(home / "a.onnx"), seconds=30,
         says="not a plain file"),
    Case("model-device", IMPORT, lambda home: (home / "a.onnx").symlink_to("/dev/zero"),
         seconds=30, megabytes=512, says="not a plain file"),
    Case("companion-loop", FLOAT, beside(add("Loop")), says="operator Loop; allowed: Conv"),
    Case("companion-data-elsewhere", FLOAT, beside(external), says="lies in another file"),
    Case("companion-stride", FLOAT, beside(add("ConvTranspose", strides=[1 << 30] * 2)),
         megabytes=1024, says="attribute strides of 1073741824"),
    Case("label-systemverilog", ("export", "a.pth"), weights(label=f"a{VERILOG}"), says="label"),
    Case("manifest-name", SYNTH, manifest(network=f"a{VERILOG}"), says="network is 'a"),
    Case("manifest-hash", SYNTH, manifest(content_hash="0; shell touch trap"),
         says="content_hash is .*allowed: 64 hex digits"),
    Case("manifest-list", SYNTH, core(lambda f: (f / "manifest.json").write_text("[]")),
         says="not a manifest"),
    Case("manifest-deep", SYNTH, core(lambda f: (f / "manifest.json").write_text("[" * 10**6)),
         says="not a manifest"),
    Case("manifest-terabyte", SYNTH, core(endless("manifest.json")), megabytes=512,
         says="bytes, too large"),
    Case("manifest-size", ("verify", "a.onnx", "--rtl-dir", "core", "--rungs", "golden,rtl"),
         lambda home: (model()(home), manifest(max_width=10**30)(home)), says="max_width is 1000"),
    Case("list-command", SYNTH, listed("fsrcnnx_pkg.sv; shell touch trap\n"), says="file name"),
    Case("list-absolute", SYNTH, listed("/etc/passwd\n"), says="file name '/etc/passwd'"),
    Case("list-upwards", SYNTH, listed("../core/fsrcnnx_pkg.sv\n"), says="file name"),
    Case("list-link", SYNTH, core(linked), says="a link out of the folder"),
    Case("list-empty", SYNTH, listed("\n"), says="no files"),
    Case("project-part", ("hls-synth", "project"), project(part='"[exec touch trap]"'),
         says="part is .*allowed: letters, digits"),
    Case("project-name", ("hls-synth", "project"), project(project_name='"a; exec touch trap"'),
         says="project_name is"),
    Case("option-part", (*HLS, "--part", "[exec touch trap]"), model(), says="--part"),
    Case("option-clock-infinite", (*HLS, "--clock", "inf"), model(), says="--clock"),
    Case("option-clock-nan", (*HLS, "--clock", "nan"), model(), says="--clock"),
    Case("option-reuse-endless", (*HLS, "--reuse", "9" * 5000), model(), says="--reuse"),
    Case("option-reuse-huge", (*HLS, "--reuse", "conv0=999999999"), model(),
         says=r"conv0=999999999 \(allowed: 1\.\.4194304\)"),
    Case("option-width-huge", ("hls", "a.onnx", "-o", "out", "--width", str(10**30), "--height",
                               "1"), model(), says="--width"),
    Case("option-max-width-huge", (*RTL, "--max-width", str(10**12)), model(), says="--max-width"),
    Case("option-cycles-huge", (*RTL, "--cycles-per-pixel", str(10**30)), model(),
         says="cycles-per-pixel"),
    Case("make-model-command", ("rtl", "MODEL=a;>trap"), program="make",
         says="MODEL=a;>trap is not"),
    Case("make-model-expanded", ("rtl", "MODEL=$(shell touch trap)"), program="make",
         says=r"MODEL holds a \$"),
    Case("make-images-expanded", ("verify", "IMAGES=`touch trap`${shell touch trap}"),
         program="make", says=r"IMAGES holds a \$"),
    Case("make-images-command", ("verify", "IMAGES=a;touch${IFS}trap"), program="make",
         says=r"IMAGES holds a \$"),
    Case("make-images-missing", ("verify", "IMAGES=a;>trap"), program="make",
         says="no such file or folder: a;>trap"),
    Case("make-integer-command", ("sim", 'SEED=1"]; touch trap; [ "1'), program="make",
         says="an integer from 0"),
    Case("make-integer-pattern", ("sim", "SIM=%"), program="make", says="verilator icarus"),
    Case("make-environment", ("rtl",), program="make", env={"MODEL": "$(shell touch trap)"},
         says=r"MODEL holds a \$"),
    Case("make-option", ("results", "DATA=--help"), program="make", says="DATA=--help is not"),
    Case("make-ignored", ("sim", "MODEL=fsrcnn_x2"), program="make",
         says="MODEL changes nothing in sim"),
)
