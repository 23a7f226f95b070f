"""Weights, HDF5 files, pictures and states that learning must not swallow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.hostile.case import ROOT, Case

ONE = {"OMP_NUM_THREADS": "1"}
NAME = "d2s1m0f1l2_x2"


def content() -> dict:
    """A small, valid, quantised weights file."""
    from fsrcnnx.learn import models

    state = models.build(NAME).state_dict()
    rows = {name: ["ap_fixed<8,2>", "ap_fixed<8,3>", "ap_fixed<8,0>", ""]
            for name in ("feature", "shrink", "expand")}
    rows["deconv"] = ["ap_fixed<8,2>", "", "ap_ufixed<8,0>", ""]
    return {"name": NAME, "float": state, "label": NAME,
            "qat": {"state": dict(state), "formats": rows},
            "bits": {"weight": 8, "activation": 8, "slope": 8, "digits": 0},
            "eval_psnr": {"float": 30.0, "calibrated": 29.0, "qat": 29.5}}


def weights(*path, value=None):
    """A maker of a weights file with another value in one place."""
    def make(folder: Path) -> None:
        import torch

        at = whole = content()
        for key in path[:-1]:
            at = at[key]
        if path:
            at[path[-1]] = value() if callable(value) else value
        torch.save(whole, folder / "w.pth")
    return make


def _tensor(of):
    """A tensor, made when it is needed."""
    def make():
        import torch

        return of(torch)
    return make


def file(name: str, data: bytes | None = None):
    """A maker of a file, or of a folder of that name."""
    def make(folder: Path) -> None:
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)
    return make


def archive(folder: Path) -> None:
    """Weights whose archive unpacks to a thousandfold."""
    import io
    import zipfile

    import torch

    data = io.BytesIO()
    torch.save({"float": {"a": torch.zeros(1 << 24)}}, data)
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(
            folder / "w.pth", "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))


def code(folder: Path) -> None:
    """Weights that would run a command."""
    import pickle

    class Touch:
        def __reduce__(self):
            return os.system, (f"touch {folder / 'touched'}",)
    (folder / "w.pth").write_bytes(pickle.dumps({"float": Touch()}))


def truncated(folder: Path) -> None:
    """Half of a weights file."""
    weights()(folder)
    data = (folder / "w.pth").read_bytes()
    (folder / "w.pth").write_bytes(data[:len(data) // 2])


def pictures(*names: str, side: int = 80):
    """A maker of a folder `in` of pictures."""
    def make(folder: Path) -> None:
        import numpy as np
        from PIL import Image

        (folder / "in").mkdir()
        for number, name in enumerate(names):
            noise = np.random.default_rng(number).integers(0, 256, (side, side), dtype=np.uint8)
            Image.fromarray(noise).save(folder / "in" / name)
    return make


def together(*makers):
    """One maker of several."""
    def make(folder: Path) -> None:
        for maker in makers:
            maker(folder)
    return make


def hdf5(change=lambda file, h5py, np: None, name: str = "t.h5"):
    """A maker of a training file t.h5, changed, and of a valid evaluation file e.h5."""
    def make(folder: Path) -> None:
        import h5py
        import numpy as np

        with h5py.File(folder / "e.h5", "w") as one:
            one["lr/0"], one["hr/0"] = np.full((9, 9), 99, "u1"), np.full((18, 18), 99, "u1")
        with h5py.File(folder / name, "a") as one:
            if name == "t.h5":
                one["lr"], one["hr"] = np.full((4, 8, 8), 99, "u1"), np.full((4, 16, 16), 99, "u1")
            change(one, h5py, np)
    return make


def instead(make):
    """A change: HR data made anew."""
    def change(one, h5py, np):
        del one["hr"]
        make(one, h5py, np)
    return change


def _nan(one, h5py, np):
    one["hr"] = np.where(np.arange(256).reshape(16, 16) == 77, np.nan, np.full((4, 16, 16), 99.0))


def _bomb(one, h5py, np):
    for key, side in (("lr", 32), ("hr", 64)):
        if key in one:
            del one[key]
        one.create_dataset(key, (1500000, side, side), "u1", chunks=(64, side, side),
                           compression="gzip")[:64] = 0


def _external(one, h5py, np):
    one.create_dataset("hr", (4, 16, 16), "u1", external=[("/etc/passwd", 0, 1024)])


def _virtual(one, h5py, np):
    layout = h5py.VirtualLayout((4, 16, 16), "u1")
    layout[:] = h5py.VirtualSource("o.h5", "hr", (4, 16, 16))
    one.create_virtual_dataset("hr", layout)


def _set(of):
    """A change: HR data made of h5py and numpy."""
    def make(one, h5py, np):
        one["hr"] = of(h5py, np)
    return instead(make)


def checkpoint(data: bytes):
    """A maker of a training's folder with a state of these bytes."""
    def make(folder: Path) -> None:
        hdf5()(folder)
        (folder / "out" / "x2").mkdir(parents=True)
        (folder / "out" / "x2" / "checkpoint.pth").write_bytes(data)
    return make


def full(bytes_at_most: int, *args: str) -> tuple[str, ...]:
    """The program where no file grows beyond some bytes, as on a full disk."""
    blocks = bytes_at_most // 1024  # of bash
    return "-c", f'ulimit -f {blocks}; exec "$0" -m fsrcnnx.cli.main "$@"', sys.executable, *args


def seed(script: str, *args: str) -> tuple[str, ...]:
    """A command line of the seed."""
    return str(ROOT / "scripts" / f"{script}.py"), *args


EXPORT = ("export", "w.pth", "-o", "out")
TRAIN = ("train", "t.h5", "e.h5", "-o", "out", "--model", NAME, "--steps", "2", "--optimiser",
         "adam", "--loss", "mse", "--expand", "1", "--no-hold", "--device", "cpu")
PREPARE = ("prepare", "in", "-o", "new/t.h5")


def _export(name: str, path: tuple, value, says: str) -> Case:
    return Case(f"weights-{name}", EXPORT, weights(*path, value=value), says=says, env=ONE,
                megabytes=1024)


def _train(name: str, change, says: str, **more) -> Case:
    return Case(f"hdf5-{name}", TRAIN, hdf5(change), says=says, env=ONE, megabytes=1024, **more)


CASES = (
    Case("weights-valid", EXPORT, weights(), code=0, says=NAME, keeps=("out",), env=ONE),
    _export("list", ("float",), lambda: [1.0], "float is a list; allowed: a dictionary"),
    _export("int-keys", ("float", 1), 2.0, "a key of float is 1; allowed: text"),
    _export("whole-numbers", ("float", "shrink.bias"),
            _tensor(lambda torch: torch.ones(1, dtype=torch.int8)), "a int8 tensor"),
    _export("terabyte", ("float", "shrink.bias"),
            _tensor(lambda torch: torch.ones(1).expand(1 << 40)), "1099511627776"),
    _export("sparse", ("float", "shrink.bias"), _tensor(lambda torch: torch.ones(1).to_sparse()),
            "holds torch._utils _rebuild_sparse_tensor"),
    _export("nan", ("float", "shrink.bias"), _tensor(lambda torch: torch.ones(1) * float("nan")),
            "NaN"),
    _export("beyond-float32", ("float", "shrink.bias"),
            _tensor(lambda torch: torch.full((1,), 1e200, dtype=torch.float64)), "NaN or infinity"),
    _export("huge-network", ("name",), "d99999999s9999999m9999f3l3_x2", "allowed: up to 64"),
    _export("huge-number", ("name",), f"d{'9' * 5000}s1m1f3l3_x2", "name is text of 5012"),
    _export("name-command", ("name",), "x\n$(touch a)", r"name is 'x\\n"),
    _export("label-command", ("label",), "a\n`include \"/etc/passwd\"", "label is"),
    _export("label-escape", ("label",), "\x1b[2J", r"label is '\\x1b\[2J'"),
    _export("format-of-gigabytes", ("qat", "formats", "shrink"),
            ["ap_fixed<62,2>", "ap_fixed<8,3>", "ap_fixed<8,0>", "2"], "2 to 16 bits"),
    _export("format-far-off", ("qat", "formats", "shrink"),
            ["ap_fixed<8,-9999>", "ap_fixed<8,3>", "ap_fixed<8,0>"], "qat.formats.shrink"),
    _export("bits-command", ("bits", "a\nb"), 8, "bits has a key"),
    _export("not-quantised", ("qat",), dict, "qat lacks state"),
    _export("interrupted", ("complete",), False, "interrupted quantisation"),
    Case("weights-archive-bomb", EXPORT, archive, says="compressed", env=ONE, megabytes=1024),
    Case("weights-code", EXPORT, code, says="no torch file of plain data", env=ONE),
    Case("weights-empty", EXPORT, file("w.pth", b""), says="no torch file", env=ONE),
    Case("weights-truncated", EXPORT, truncated, says="no torch file", env=ONE),
    Case("weights-folder", EXPORT, file("w.pth"), says="a folder", env=ONE),
    Case("weights-pipe", EXPORT, lambda folder: os.mkfifo(folder / "w.pth"),
         says="not a regular file", env=ONE, seconds=60),
    Case("weights-full-disk", full(2048, *EXPORT), weights(), program="bash",
         says="cannot be written", env=ONE),
    Case("network-on-the-command-line", (*TRAIN[:6], "d1s1m99999999999f3l3_x2"), hdf5(),
         says="100000000003 layers; allowed: up to 64", env=ONE, megabytes=1024),
    Case("hdf5-valid", TRAIN, hdf5(), code=0, says="dB after 2 steps", keeps=("out",), env=ONE),
    _train("bomb", _bomb, "more than such a file can hold"),
    _train("nan", instead(_nan), "dataset hr: holds NaN"),
    _train("passwords", instead(_external), "refers to other files"),
    _train("virtual", instead(_virtual), "refers to other files"),
    _train("external-link", _set(lambda h5py, np: h5py.ExternalLink("e.h5", "hr/0")),
           "not a training file"),
    _train("link-to-itself", _set(lambda h5py, np: h5py.SoftLink("hr")), "not a training file"),
    _train("text", _set(lambda h5py, np: np.array(["a"] * 4, dtype=h5py.string_dtype())),
           "type object"),
    _train("no-patches", _set(lambda h5py, np: np.zeros((0, 16, 16), "u1")), "each at least 1"),
    _train("fractions", _set(lambda h5py, np: np.full((4, 16, 16), 0.5)), "multiply them by 255"),
    _train("out-of-range", _set(lambda h5py, np: np.full((4, 16, 16), 60000, "u2")),
           "values of 60000"),
    _train("note-of-nothing", lambda one, h5py, np: one.create_dataset(
        "made_of", data=np.frombuffer(b'{"scale": 2}', "u1")), r"dataset made_of: damaged"),
    _train("note-of-a-terabyte", lambda one, h5py, np: one.create_dataset(
        "made_of", (1 << 40,), "u1", chunks=(1 << 16,)), "dataset made_of: of shape"),
    _train("other-scale", _set(lambda h5py, np: np.zeros((4, 24, 24), "u1")), "is not x2"),
    Case("hdf5-of-patches-for-evaluation", (*TRAIN[:2], "t.h5", *TRAIN[3:]), hdf5(),
         says="not an evaluation file", env=ONE),
    Case("hdf5-garbage", TRAIN, together(file("t.h5", b"\x89HDF\r\n\x1a\n" + bytes(99)), hdf5(
        name="unused.h5")), says="not an HDF5 file, or corrupt", env=ONE),
    Case("state-garbage", TRAIN, checkpoint(b"garbage"), says="checkpoint.pth.*delete it", env=ONE),
    Case("state-empty", TRAIN, checkpoint(b""), says="checkpoint.pth.*delete it", env=ONE),
    Case("train-into-a-file", TRAIN, together(hdf5(), file("out", b"a")), says="out", env=ONE),
    Case("train-full-disk", full(2048, *TRAIN), hdf5(), program="bash", says="cannot be written",
         env=ONE),
    Case("prepare-full-disk", full(20480, *PREPARE), pictures("a.png", "b.png", side=300),
         program="bash", says=r"t\.h5: cannot be written", env=ONE),
    Case("prepare-full-disk-evaluation", full(20480, *PREPARE, "--eval"),
         pictures("a.png", "b.png", side=300), program="bash", says="cannot be written", env=ONE),
    Case("prepare-one-bad-picture", PREPARE, together(
        pictures("a.png", "b.png"), file("in/m.png", b"GIF89a")), says=r"m\.png", env=ONE),
    Case("prepare-a-dangling-link", PREPARE, together(pictures("a.png"), lambda folder: (
        folder / "in" / "b.png").symlink_to("nothing")), says=r"b\.png: no such file", env=ONE),
    Case("prepare-folders-named-as-pictures", PREPARE, together(
        file("in"), file("in/a.png"), file("in/b.jpg")), says="no pictures", env=ONE),
    Case("prepare-over-a-picture", ("prepare", "in", "-o", "in/a.png", "--eval"),
         pictures("a.png"), says=r"in/a\.png: suffix", env=ONE),
    Case("prepare-over-a-pipe", ("prepare", "in", "-o", "t.h5"), together(
        pictures("a.png"), lambda folder: os.mkfifo(folder / "t.h5")),
         says=r"t\.h5: a pipe", env=ONE),
    Case("prepare-into-nothing", ("prepare", "in", "-o", ""), pictures("a.png"),
         says="an empty path", env=ONE),
    Case("quantise-over-its-weights", ("quantise", "w.pth", "t.h5", "e.h5", "-o", "w.pth"),
         weights(), says=r"w\.pth: the output is the input", env=ONE),
    Case("prepare-one-pixel", PREPARE, pictures("a.png", side=1), says="smaller than a patch",
         env=ONE),
    Case("prepare-all-edge", (*PREPARE, "--eval"), pictures("a.png", side=5),
         says="5x5 pixels are too few", env=ONE),
    Case("prepare-non-utf8-output", ("prepare", "in", "-o", os.fsdecode(b"t\xff.h5")),
         pictures("a.png"), code=0, keeps=("*.h5",), env=ONE),
    Case("seed-no-folder", seed("prepare", "--images_dir", "no", "--output_path", "new/a/t.h5"),
         program=sys.executable, says="no: no such folder", env=ONE),
    Case("seed-new-folder", seed("prepare", "--images-dir", "in", "--output-path", "new/a/t.h5"),
         pictures("a.png"), code=0, program=sys.executable, keeps=("new",), env=ONE),
    Case("seed-huge-seed", seed("train", "--train_file", "t.h5", "--eval_file", "e.h5",
                                "--outputs_dir", "out", "--seed", str(1 << 80)), hdf5(),
         program=sys.executable, says="not in the range", env=ONE),
)
