"""Folders that hold what is dear, damaged builds, odd names, full disks, stops and closed pipes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fsrcnnx.prove.builds.home import FOLDER, TAG, TAGGED
from tests.hostile.case import ROOT, Case

FSRCNNX = f"{sys.executable} -m fsrcnnx"
SHIPPED = ROOT / "fsrcnnx" / "models" / "fsrcnn-x_x2"
CACHE = {"FSRCNNX_CACHE": "cache"}  # in the folder of the case


def core(folder: Path) -> Path:
    """A core of a small network, as `fsrcnnx rtl` writes it."""
    from fsrcnnx.emit.rtl.folder import emit
    from tests.clips import NETWORK

    emit(NETWORK, folder / "core", max_width=16)
    return folder / "core"


def sources(folder: Path) -> None:
    """A folder that looks like a core by its file list, and is somebody's work."""
    (folder / "core" / ".git").mkdir(parents=True)
    for name in ("files.f", "manifest.json", "project.tcl", "thesis.sv", ".git/config"):
        (folder / "core" / name).write_text("dear\n")


def changed(folder: Path) -> None:
    """A core of ours with a change of the user's."""
    with (core(folder) / "fsrcnnx_top.sv").open("a") as file:
        file.write("// mine\n")


def relisted(folder: Path) -> None:
    """A folder of a user's with a list that calls it ours, with wrong hashes."""
    first = (core(folder) / "SHA256SUMS").read_text().splitlines()[0]
    shutil.rmtree(folder / "core")
    sources(folder)
    (folder / "core" / "SHA256SUMS").write_text(
        "\n".join([first, *(f"{'0' * 64}  {name}" for name in os.listdir(folder / "core"))]) + "\n")


def listing(folder: Path, replace: Callable[[Path], object]) -> None:
    """A core whose list is something else."""
    path = core(folder) / "SHA256SUMS"
    path.unlink()
    replace(path)


def endless(path: Path) -> None:
    """A file of 64 GB that takes no room."""
    path.touch()
    os.truncate(path, 1 << 36)


def climbing(folder: Path) -> None:
    """A list of ours that names files outside of the folder."""
    with (core(folder) / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../dear\n{'0' * 64}  {folder}/dear\n")
    (folder / "dear").write_text("dear")


def linked(folder: Path, to: str) -> None:
    """A link where a core shall go."""
    core(folder).rename(folder / "real")
    (folder / "core").symlink_to(to)


def picture(folder: Path, name: str = "a.pgm") -> None:
    """A gray picture of nine by five pixels."""
    (folder / name).write_bytes(b"P5 9 5 255\n" + bytes(range(45)))


def small(folder: Path) -> None:
    """A model and a picture."""
    from fsrcnnx.exact.onnx import io as onnx_io
    from tests.clips import NETWORK

    picture(folder)
    onnx_io.save(NETWORK, folder / "m.onnx")


UPSCALE = ("upscale", "a.pgm", "-o", "out.png", "--model", "m.onnx", "--engine", "rtl",
           "--sim", "icarus")


def build(damage: Callable[[Path], object]) -> Callable[[Path], None]:
    """A cache with one build, which is then damaged."""
    def make(folder: Path) -> None:
        small(folder)
        subprocess.run([sys.executable, "-m", "fsrcnnx", *UPSCALE], cwd=folder, check=True,
                       capture_output=True,
                       env={**os.environ, "FSRCNNX_CACHE": "cache", "PYTHONPATH": str(ROOT)})
        (folder / "out.png").unlink()
        damage(next((folder / "cache" / FOLDER).glob("icarus-*/sim")))
    return make


def by(what: Callable[[Path], object]) -> Callable[[Path], None]:
    """Replace a whole build."""
    def damage(sim: Path) -> None:
        shutil.rmtree(sim.parent)
        what(sim.parent)
    return damage


def in_use(folder: Path) -> None:
    """A model, a picture, and a folder of a user's with old files of names like ours."""
    small(folder)
    (folder / "dear" / "logs").mkdir(parents=True)
    for name in ("Cargo.lock", "poetry.lock", "logs/server.log", f"backup-{'0' * 24}"):
        (folder / "dear" / name).write_text("dear")
        os.utime(folder / "dear" / name, (1, 1))


def opened(folder: Path) -> None:
    """A folder of builds, of ours by its tag, that a group can write."""
    small(folder)
    (folder / "cache" / FOLDER).mkdir(parents=True)
    (folder / "cache" / FOLDER / TAG).write_text(TAGGED)
    (folder / "cache" / FOLDER).chmod(0o770)


def relocked(folder: Path) -> None:
    """A build whose lock was replaced by a link to what is dear."""
    build(lambda sim: None)(folder)
    (folder / "dear").write_text("dear")
    lock = next((folder / "cache" / FOLDER).glob("*.lock"))
    lock.unlink()
    lock.symlink_to(folder / "dear")


DAMAGE = {
    "truncated": lambda sim: sim.write_bytes(sim.read_bytes()[:1000]),
    "empty": lambda sim: sim.write_bytes(b""),
    "of-noise": lambda sim: sim.write_bytes(np.random.default_rng(1).bytes(1000)),
    "gone": lambda sim: sim.unlink(),
    "a-folder": lambda sim: (sim.unlink(), sim.mkdir()),
    "a-file": by(lambda entry: entry.write_text("")),
    "a-link": by(lambda entry: entry.symlink_to("/nowhere")),
}


def old_project(folder: Path) -> None:
    """A project, a stand-in for Vitis HLS, and somebody's folder where its copy would go."""
    for name in ("p/firmware", "p-vitis", "bin"):
        (folder / name).mkdir(parents=True)
    (folder / "p" / "project.tcl").write_text('set project_name "p"\nset backend "vitis"\n'
                                              'set part "x"\n')
    (folder / "p" / "build_prj.tcl").write_text("")
    (folder / "p-vitis" / "project.tcl").write_text("dear")
    (folder / "bin" / "vitis-run").write_text("#!/bin/sh\nexit 0\n")
    (folder / "bin" / "vitis-run").chmod(0o755)


def model_folder(folder: Path, name: str, text: str = "dear") -> None:
    """A folder with somebody's file in it, and a model."""
    small(folder)
    (folder / "m").mkdir()
    (folder / "m" / name).write_text(text)


def checkout(folder: Path) -> None:
    """As much of a checkout as the set-up looks at first, in a folder with a space."""
    (folder / "my work" / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", folder / "my work" / "scripts")


def shell(name: str, script: str, **answer) -> Case:
    """A case of a line of bash."""
    return Case(name, ("-c", script), program="bash", **answer)


def rtl(name: str, output: str = "core", **answer) -> Case:
    """A case of emitting a core."""
    return Case(f"rtl-{name}", ("rtl", "fsrcnn-x_x2", "-o", output), **answer)


CASES = (
    rtl("over-sources", make=sources, says="in the way, and not an RTL folder"),
    rtl("over-a-changed-core", make=changed, says=r"fsrcnnx_top.sv \(changed\)"),
    rtl("over-a-false-list", make=relisted, says=r"files.f \(changed\)"),
    rtl("over-a-list-that-is-a-pipe", make=lambda f: listing(f, os.mkfifo), seconds=30,
        says="in the way, and not an RTL folder"),
    rtl("over-a-list-without-end", make=lambda f: listing(f, endless),
        says="in the way, and not an RTL folder", megabytes=512),
    rtl("over-a-core-with-notes", make=lambda f: (core(f) / "notes").write_text(""),
        says="did not write so: notes"),
    rtl("over-a-core-with-a-link", make=lambda f: (core(f) / "way").symlink_to("/etc"),
        says=r"way \(a link"),
    rtl("over-a-core-with-git", make=lambda f: (core(f) / ".git").mkdir(), says="\\.git/"),
    rtl("over-a-list-that-climbs", make=climbing, code=0, keeps=("core",)),
    rtl("over-our-own", make=core, code=0, keeps=("core",)),
    rtl("over-a-link", make=lambda f: linked(f, "real"), says="core: a link"),
    rtl("over-a-link-to-nowhere", make=lambda f: linked(f, "void"), says="core: a link"),
    rtl("over-a-file", make=lambda f: (f / "core").write_text("dear"), says="in the way"),
    rtl("over-a-pipe", make=lambda f: os.mkfifo(f / "core"), says="in the way"),
    rtl("into-a-file", "file/core", make=lambda f: (f / "file").write_text("dear"),
        says="file: nothing can be made in it"),
    rtl("here", ".", says="the folder that you are in"),
    rtl("above", "..", says="in the way"),
    rtl("to-the-root", "/", says="in the way"),
    rtl("to-proc", "/proc/core", says="/proc/core: cannot be written"),
    rtl("of-a-long-name", "x" * 300, says="File name too long"),
    rtl("of-no-name", "", says="an empty path"),
    rtl("with-a-space", "my core's \"best\" $x", code=0, keeps=("my core's *",)),
    rtl("deep", "a/b/c", code=0, keeps=("a",)),
    Case("hls-over-sources", ("hls", "fsrcnn-x_x2", "-o", "core", "--width", "6", "--height", "4"),
         make=sources, says="in the way, and not an HLS project"),
    Case("hls-over-a-core", ("hls", "fsrcnn-x_x2", "-o", "core", "--width", "6", "--height", "4"),
         make=core, says="in the way, and not an HLS project"),
    Case("import-over-weights", ("import", "m.onnx", "-o", "m"),
         make=lambda f: model_folder(f, "weights.pth"), says="holds weights.pth"),
    Case("import-over-a-model", ("import", "m.onnx", "-o", "m"),
         make=lambda f: model_folder(f, "model.onnx"), says="holds model.onnx"),
    Case("export-over-a-model", ("export", str(SHIPPED / "weights.pth"), "-o", "m"),
         make=lambda f: model_folder(f, "model_uint8.onnx"),
         says="model_uint8.onnx: in the way, and not an ONNX file that fsrcnnx wrote"),
    Case("demo-over-pictures", ("demo", "-o", "m", "--model", "m.onnx"),
         make=lambda f: model_folder(f, "rtl.png"), says="holds rtl.png"),
    Case("vitis-over-a-folder", ("hls-synth", "p"), make=old_project,
         env={"PATH": "bin:/usr/bin:/bin"}, says="p-vitis: in the way"),
    *(Case(f"build-{name}", UPSCALE, make=build(damage), code=0, says="out.png: 18x10", env=CACHE,
           keeps=("out.png", "cache")) for name, damage in DAMAGE.items()),
    Case("cache-is-a-file", UPSCALE, make=lambda f: (small(f), (f / "cache").write_text("dear")),
         env=CACHE, says="cache: cannot be written .File exists"),
    Case("cache-in-a-folder-in-use", UPSCALE, make=in_use, env={"FSRCNNX_CACHE": "dear"}, code=0,
         says="out.png: 18x10", keeps=("out.png", f"dear/{FOLDER}")),
    Case("cache-where-a-folder-of-ours-is-not-ours", UPSCALE, env={"FSRCNNX_CACHE": "dear"},
         make=lambda f: (in_use(f), (f / "dear" / FOLDER).mkdir(),
                         (f / "dear" / FOLDER / "thesis").write_text("dear")),
         says=f"{FOLDER}: in the way, and not a folder of builds"),
    Case("cache-in-a-file", UPSCALE, make=small, env={"FSRCNNX_CACHE": "a.pgm/cache"},
         says="a.pgm/cache: cannot be written .Not a directory"),
    Case("no-cache-folder", UPSCALE, make=small,
         env={"FSRCNNX_CACHE": "", "XDG_CACHE_HOME": "/proc/none"}, code=0,
         says="(?s)builds are not kept.*out.png: 18x10", keeps=("out.png",)),
    Case("cache-open-to-everybody", UPSCALE, env=CACHE,
         make=lambda f: (small(f), (f / "cache").mkdir(), (f / "cache").chmod(0o777)),
         says="cache: open to other users .mode 777"),
    Case("cache-open-to-a-group", UPSCALE, env=CACHE, says=f"{FOLDER}: open to other users",
         make=opened),
    Case("cache-with-a-lock-that-is-a-link", UPSCALE, env=CACHE, make=relocked,
         says="Too many levels of symbolic links"),
    Case("cache-of-an-odd-name", UPSCALE, make=small, env={"FSRCNNX_CACHE": "o d'd $x \"#é"},
         code=0, says="out.png: 18x10", keeps=("o d*", "out.png")),
    Case("stop-verify", ("verify", "fsrcnn_x2", "--rungs", "rtl"), env=CACHE, stop=0.2,
         stop_when="cc1plus|verilator_bin", code=143, says="error: terminated", keeps=("cache",)),
    Case("stop-verify-hls", ("verify", "fsrcnn_x2", "--rungs", "hls"), env=CACHE, stop=0.2,
         stop_when="cc1plus", stop_signal=signal.SIGINT, code=130, says="error: interrupted",
         keeps=("cache",)),
    Case("stop-synth", ("synth", "core"), make=core, stop=0.2, stop_when="yosys",
         code=143, says="error: terminated"),
    Case("hang-up-in-synth", ("synth", "core"), make=core, stop=0.2, stop_when="yosys",
         stop_signal=signal.SIGHUP, code=129, says="error: interrupted"),
    shell("a-file-too-large", f"ulimit -f 8; exec {FSRCNNX} rtl fsrcnn-x_x2 -o core",
          says="core: cannot be written .File too large"),
    shell("table-on-a-full-device", f"exec {FSRCNNX} doctor >/dev/full",
          says="No space left on device"),
    shell("closed-output", f"exec {FSRCNNX} rtl fsrcnn-x_x2 -o core >&-", code=0, keeps=("core",)),
    shell("closed-everything", f"exec {FSRCNNX} rtl fsrcnn-x_x2 -o core <&- >&- 2>&-", code=0,
          keeps=("core",)),
    shell("reader-gone", f"{FSRCNNX} rtl --help | true; [ ${{PIPESTATUS[0]}} = 141 ]", code=0),
    shell("checkout-with-a-space", "'my work/scripts/setup.sh'", make=checkout, seconds=20,
          says="make cannot build in a folder of this name"),
)
