"""Frames of any sizes through HLS projects, one project for each size, in C simulation.

May import numpy, the integer side, emit, csim and the errors. Every frame runs through the shared
library and through the project's own C++ test bench; both must give the same integers.

    simulate(network, [lr]).frames[0]     # uint8 (H, W) -> int64 (s*H, s*W)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx.emit.hls.plan import Plan, make
from fsrcnnx.errors import CheckError
from fsrcnnx.exact import golden, ranges
from fsrcnnx.exact.compare import Divergence, first_difference
from fsrcnnx.exact.network import Network
from fsrcnnx.files import scratch
from fsrcnnx.prove.hls import csim


@dataclass(frozen=True, eq=False)
class Simulated:
    """What the projects gave.

    Args:
        frames: int64 (s*H, s*W) each; None where a project stopped.
        seconds: Time of each in the shared library.
        projects: The build that ran each.
        fault: What went wrong besides values, in words.
    """

    frames: tuple[np.ndarray | None, ...]
    seconds: tuple[float, ...]
    projects: tuple[csim.Project, ...]
    fault: str = ""

    @property
    def compiled(self) -> float:
        """Seconds of compiling; 0 if all builds were cached."""
        return sum(project.seconds for project in {id(p): p for p in self.projects}.values())


def _compile(plan: Plan) -> csim.Project:
    """Write and build the project of a frame size."""
    from fsrcnnx.emit.hls.folder import write

    with scratch() as temp:
        folder = Path(temp) / "hls"
        write(plan, folder)
        return csim.build(folder)


def run(project: csim.Project, frames: Sequence[np.ndarray]) -> Simulated:
    """Run frames of one size through a project, both ways.

    Args:
        project: The build.
        frames: Integers (H, W) each.

    Returns:
        The library's frames; a fault if it stopped, or the test bench says otherwise.
    """
    projects = (project,) * len(frames)
    try:
        found = csim.predict(project, frames)
    except CheckError as error:
        return Simulated((None,) * len(frames), (0.0,) * len(frames), projects, str(error))
    fault = ""
    try:
        raw, code = csim.bench(project, frames, found.frames)
        wrong = sum(int((a != b).sum()) for a, b in zip(raw, found.frames, strict=True))
        if wrong or code:
            fault = (f"the C++ test bench and the library differ in {wrong} values at "
                     f"{project.size[1]}x{project.size[0]}, exit code {code}")
    except CheckError as error:
        fault = str(error)
    return Simulated(found.frames, found.seconds, projects, fault)


def simulate(network: Network, frames: Sequence[np.ndarray],
             progress: Callable[[float], None] | None = None, **options) -> Simulated:
    """Run frames of any sizes.

    Args:
        network: A checked integer network.
        frames: Integers (H, W) each.
        progress: Called with the fraction done, 0..1.
        options: As `fsrcnnx.emit.hls.plan.make`: strategy, reuse.

    Returns:
        Frames in their order, times, builds, faults.

    Raises:
        InputError, ModelError: If a project cannot be made of the network.
        CheckError: If its audit fails.
        ToolError: If hls4ml or g++ is missing.
    """
    proved = ranges.prove(network)  # once for all sizes
    plans = {shape: make(network, shape[1], shape[0], proved=proved, **options)
             for shape in dict.fromkeys(frame.shape for frame in frames)}
    places = {}
    for done, (size, plan) in enumerate(plans.items()):
        if progress:
            progress(done / len(plans))
        project = _compile(plan)
        indices = [index for index, frame in enumerate(frames) if frame.shape == size]
        result = run(project, [frames[index] for index in indices])
        places |= {index: (result, place) for place, index in enumerate(indices)}
    if progress:
        progress(1.0)
    order = [places[index] for index in range(len(frames))]
    faults = dict.fromkeys(result.fault for result, _ in order if result.fault)
    return Simulated(tuple(result.frames[place] for result, place in order),
                     tuple(result.seconds[place] for result, place in order),
                     tuple(result.projects[place] for result, place in order), "; ".join(faults))


def locate(network: Network, project: csim.Project, lr: np.ndarray) -> Divergence | None:
    """Find the first layer of one frame whose trace differs from golden.

    Args:
        network: The network that the project should be.
        project: The build.
        lr: Integers (H, W).

    Returns:
        The first difference, layer by layer, or None if all agree or the library stops.
    """
    try:
        traced = csim.predict(project, [lr], trace=True).layers
    except CheckError:
        return None
    want = golden.trace(network, lr)
    for layer in network.layers:
        last = [entry for entry in project.manifest["layers"] if entry["layer"] == layer.name][-1]
        values = traced[last["name"]] * 2.0**layer.out_format.frac
        got = np.rint(values).astype(np.int64).reshape(want[layer.name].shape)
        if (difference := first_difference(layer.name, want[layer.name], got)):
            return difference
    return None
