"""A clocked model of an HLS project's streams: tokens only, one beat a clock, bounded depths.

    clocks(stages, width=8, height=5, frames=2, depths={...})    # None: it starves
"""

from __future__ import annotations

from fsrcnnx.emit.hls.fifos import LEAST
from fsrcnnx.emit.hls.stages import INPUT


def _pad(stage, width, height):
    """Steps (reads, writes) of a zero padding layer."""
    before, after = stage.pad
    side = before + after
    for _ in range(before * (width + side)):
        yield 0, 1
    for _ in range(height):
        for x in range(width + side):
            yield int(before <= x < before + width), 1
    for _ in range(after * (width + side)):
        yield 0, 1


def _convolve(stage, width, height):
    """Steps of a convolution over its padded input: a sum where a whole window has come."""
    side = sum(stage.pad)
    for y in range(height + side):
        for x in range(width + side):
            yield 1, int(y >= side and x >= side)


def _subpixel(scale, width, height):
    """Steps of depth-to-space: read once per pixel in the first line."""
    for _ in range(height):
        for line in range(scale):
            for _ in range(width):
                for phase in range(scale):
                    yield int(line == 0 and phase == 0), 1


def _each(width, height):
    """Steps of a layer that takes and gives every beat."""
    for _ in range(width * height):
        yield 1, 1


def _processes(stages, width, height, depths):
    """(input streams, output streams, steps of one frame) of every process, and all depths."""
    anchored = [stage for stage in stages if len(stage.inputs) > 1]
    outputs = {INPUT: [stages[1].name] + [f"{stage.name}:lr" for stage in anchored]}
    for before, stage in zip(stages[1:], [*stages[2:], None], strict=True):
        outputs[before.name] = [stage.name] if stage else []
    capacity = {stage.name: LEAST if len(stage.inputs) > 1 else depths[stage.name]
                for stage in stages[1:]}
    capacity |= {f"{stage.name}:lr": depths[stage.name] for stage in anchored}
    processes = [([], outputs[INPUT], lambda: ((0, 1) for _ in range(width * height)))]
    for stage in stages[1:]:
        sources, targets = [stage.name], outputs[stage.name]
        if any(stage.pad):
            capacity[f"{stage.name}:pad"] = LEAST
            processes.append((sources, [f"{stage.name}:pad"],
                              lambda stage=stage: _pad(stage, width, height)))
            sources = [f"{stage.name}:pad"]
        if len(stage.inputs) > 1:
            sources = [*sources, f"{stage.name}:lr"]
        if stage.products[0]:
            steps = lambda stage=stage: _convolve(stage, width, height)  # noqa: E731
        elif "block" in stage.attributes:
            steps = lambda stage=stage: _subpixel(  # noqa: E731
                stage.attributes["block"], width, height)
        else:
            steps = lambda: _each(width, height)  # noqa: E731
        processes.append((sources, targets, steps))
    return processes, capacity


def clocks(stages, width, height, frames, depths):
    """Run frames back to back.

    Args:
        stages: The plan.
        width: LR frame width.
        height: LR frame height.
        frames: How many.
        depths: Stage name -> depth of its input stream, as fifos.depths gives.

    Returns:
        Clocks until the last beat has left, or None if nothing can move any more.
    """
    processes, capacity = _processes(stages, width, height, depths)
    held = dict.fromkeys(capacity, 0)

    def forever(steps):
        for _ in range(frames):
            yield from steps()

    running = [[sources, targets, steps, next(steps)] for sources, targets, steps in
               ((s, t, forever(make)) for s, t, make in processes)]
    clock = 0
    while running:
        moved = []
        for place, (sources, targets, _, (reads, writes)) in enumerate(running):
            if (not reads or all(held[s] for s in sources)) and (
                    not writes or all(held[t] < capacity[t] for t in targets)):
                moved.append(place)
        if not moved:
            return None
        for place in moved:  # all look at the same clock edge, then all move
            sources, targets, _, (reads, writes) = running[place]
            for source in sources:
                held[source] -= reads
            for target in targets:
                held[target] += writes
        for place in reversed(moved):
            step = next(running[place][2], None)
            if step is None:
                del running[place]
            else:
                running[place][3] = step
        clock += 1
    return clock
