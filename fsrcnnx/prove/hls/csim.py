"""C simulation of an HLS project: g++ builds it, frames go through, integers come out.

May import numpy, the ground, the integer side and the standard library. A project runs twice: as a
shared library behind hls4ml's bridge, with a trace of every layer, and as its own C++ test bench in
raw integers. Builds are cached by content.

    predict(build(Path("build/project")), [lr]).frames[0]     # uint8 (H, W) -> int64 (s*H, s*W)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fsrcnnx import manifests, processes, tools
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx.run import to_raw
from fsrcnnx.files import scratch
from fsrcnnx.prove.builds.cache import cached, content_key
from fsrcnnx.prove.builds.home import home, keep_log

FLAGS = ("-std=c++17", "-fPIC", "-w", "-Ifirmware/ap_types")
LIBRARY, BENCH = "library.so", "bench"
SMALL = 4096  # LR pixels up to which compiling costs more than running


@dataclass(frozen=True)
class Project:
    """A compiled HLS project.

    Args:
        folder: The build.
        manifest: The project's manifest.
        seconds: Time that building took, 0 if it was cached.
    """

    folder: Path
    manifest: dict
    seconds: float

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of its LR frames."""
        return self.manifest["height"], self.manifest["width"]


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a shared library gave.

    Args:
        frames: int64 (s*H, s*W) each, raw.
        seconds: Time of each.
        layers: Stage name -> float64 (values,) of the last frame, if a trace was asked for.
    """

    frames: tuple[np.ndarray, ...]
    seconds: tuple[float, ...]
    layers: dict[str, np.ndarray] = field(default_factory=dict)


def read_manifest(folder: Path) -> dict:
    """Read the manifest of an HLS project.

    Args:
        folder: The project.

    Returns:
        The manifest.

    Raises:
        InputError: If there is none, or it says what it may not.
    """
    needed = ("network", "top", "width", "height", "scale", "layers", "in_format", "out_format")
    try:
        return manifests.read(folder, *needed)  # a core's has others
    except InputError as error:
        raise InputError(f"not an HLS project ({error.what})", where=error.where,
                         allowed=error.allowed, fix="emit it again") from error


def _compile(folder: Path, top: str, optimise: str, scratch: Path) -> None:
    """Build the shared library and the test bench of a project into scratch."""
    compiler, flags = str(tools.find("g++")), [*FLAGS, optimise]
    firmware, library, bench = (str(scratch / name) for name in ("firmware.o", LIBRARY, BENCH))
    for step in (["-c", f"firmware/{top}.cpp", "-o", firmware],
                 ["-shared", f"{top}_bridge.cpp", firmware, "-o", library],
                 [f"{top}_test.cpp", firmware, "-o", bench]):
        done = processes.run([compiler, *flags, *step], cwd=folder,
                             env={**os.environ, "TMPDIR": str(scratch)})
        if done.returncode != 0:
            first = next((line for line in done.stderr.splitlines() if "error" in line),
                         "no message")
            raise ToolError(f"cannot compile the project: {first}", where="g++",
                            fix=keep_log(done.stdout + done.stderr, f"failed-{scratch.name}"))
    Path(firmware).unlink()
    # read at run time, relative to the working folder
    shutil.copytree(folder / "firmware" / "weights", scratch / "weights")


def build(folder: Path) -> Project:
    """Compile a project, or take it from the cache.

    Args:
        folder: The project, as `fsrcnnx hls` writes it.

    Returns:
        The build.

    Raises:
        InputError: If it is not a project.
        ToolError: If g++ is missing or does not compile it.
    """
    folder, manifest = Path(folder).resolve(), read_manifest(folder)
    optimise = "-O1" if manifest["width"] * manifest["height"] <= SMALL else "-O3"
    files = [path for path in folder.rglob("*") if path.suffix in (".h", ".cpp", ".txt")
             and path.parent.name != "tb_data"]
    key = content_key(files, folder, tools.locate("g++").version, *FLAGS, optimise)
    kept, seconds = cached(home(), f"hls-{key}",
                           lambda scratch: _compile(folder, manifest["top"], optimise, scratch),
                           [BENCH])
    return Project(kept, manifest, seconds)


def check_frames(project: Project, frames: Sequence[np.ndarray]) -> None:
    """Refuse frames that a project is not made for.

    Args:
        project: The build.
        frames: Integers (H, W) each.

    Raises:
        InputError: If there is none, or one has another size or type, or values out of range.
    """
    if not frames:
        raise InputError("no frames", where=project.manifest["network"], allowed="1 or more")
    to = Format.parse(project.manifest["in_format"])
    for frame in frames:
        if frame.shape != project.size or frame.dtype.kind not in "iu" or not to.holds(frame):
            raise InputError(f"a frame of shape {frame.shape} and type {frame.dtype}",
                             where="HLS project", allowed=f"integers {project.size} in {to}",
                             fix="emit a project of its size: fsrcnnx hls --width --height")


def _run(command: list[str], project: Project, what: str) -> subprocess.CompletedProcess:
    """Run a built program; raise CheckError if it stops on a signal, as a C++ assertion does."""
    done = processes.run(command, cwd=project.folder)
    if done.returncode < 0 or "read while empty" in done.stdout + done.stderr:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CheckError(f"{what} stopped: {said[-1] if said else f'signal {-done.returncode}'}",
                         where="csim", fix=f"run it by hand in {project.folder}")
    return done


def predict(project: Project, frames: Sequence[np.ndarray], *, trace: bool = False) -> Predicted:
    """Run frames through the shared library, by hls4ml's bridge.

    Args:
        project: The build.
        frames: Integers (H, W) each, of the project's size.
        trace: Whether to keep what each layer gave for the last frame.

    Returns:
        Frames, times, layers.

    Raises:
        InputError: If a frame does not fit.
        CheckError: If the library stops, or a value is not on the output's grid.
    """
    check_frames(project, frames)
    manifest, scale = project.manifest, project.manifest["scale"]
    step = Format.parse(manifest["in_format"]).step
    pixels = project.size[0] * project.size[1]
    traced = [layer for layer in manifest["layers"][1:] if trace]
    with scratch() as temp:
        given, out = Path(temp) / "given.npz", Path(temp) / "out.npz"
        np.savez(given, lr=np.stack(frames) * step, scale=scale, top=manifest["top"],
                 names=np.array([layer["name"] for layer in traced], str),
                 sizes=np.array([pixels * layer["pixels"] * layer["channels"] for layer in traced],
                                np.int64))
        done = _run([sys.executable, "-m", "fsrcnnx.prove.hls.predict",
                     str(project.folder / LIBRARY), str(given), str(out)], project, "the library")
        if done.returncode != 0:
            raise CheckError(f"the library failed: {done.stderr.strip().splitlines()[-1]}",
                             where="csim")
        found = np.load(out)
        to = Format.parse(manifest["out_format"])
        hr = to_raw(found["hr"], to, "csim")
        layers = {layer["name"]: found[f"trace_{layer['name']}"] for layer in traced}
        return Predicted(tuple(hr), tuple(found["seconds"].tolist()), layers)


def bench(project: Project, frames: Sequence[np.ndarray], want: Sequence[np.ndarray] = ()
          ) -> tuple[list[np.ndarray], int]:
    """Run frames through the project's own C++ test bench, in raw integers.

    Args:
        project: The build.
        frames: Integers (H, W) each, of the project's size.
        want: What the bench shall compare with, int64 (s*H, s*W) each; none: nothing.

    Returns:
        What came out, int64 (s*H, s*W) each, and the bench's exit code: 1 if it saw a difference.

    Raises:
        InputError: If a frame does not fit.
        CheckError: If the bench stops, or gives another number of values.
    """
    check_frames(project, frames)
    with scratch() as temp:
        for name, planes in (("lr", frames), ("want", want)):
            if planes:
                np.savetxt(Path(temp) / f"{name}.txt", np.concatenate([p.ravel() for p in planes]),
                           "%d")
        done = _run([str(project.folder / BENCH), temp], project, "the test bench")
        rows, cols = (side * project.manifest["scale"] for side in project.size)
        values = np.loadtxt(Path(temp) / "hr.txt", np.int64, ndmin=1)
    if values.size != len(frames) * rows * cols:
        raise CheckError(f"the test bench gave {values.size} values: {done.stdout.strip()}",
                         where="csim", allowed=f"{len(frames) * rows * cols}")
    return list(values.reshape(len(frames), rows, cols)), done.returncode
