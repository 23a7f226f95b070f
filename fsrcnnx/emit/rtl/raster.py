"""The raster of the stall-free core: borders, spacing, room at the output, clocks per frame.

May import the standard library. All of it follows from the windows, the latency and the rate; the
modules take the numbers, and simulation holds the clocks against `frame_clocks`.

    raster(2, [(1, 1)], 1, beat=4, max_width=1920, latency=80).frame_clocks(1920, 1080)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

READ_TO_WRITE = 5   # clocks between two lines' beginnings that fsrcnnx_line_ram asks for
SEQUENCER = 2       # of fsrcnnx_sequencer
OUTPUT = 12  # from a pixel at fsrcnnx_subpixel to its beat, and from the last beat to the room
FEW = 16            # pixels that wait where steps are several clocks apart


@dataclass(frozen=True)
class Raster:
    """What sequencer and output of a core are made for.

    Args:
        scale: Output size over input size.
        interval: Clocks per step.
        beat: HR pixels per output beat.
        pad: The widest border of any layer, 1 or more.
        gap: Slots between two lines.
        after: Lines from one that goes in to the same that goes out.
        drain: Lines of zeros that push the last row out.
        min_slots: Slots of the shortest line.
        fifo_depth: Pixels that wait before the sequencer.
        ring_words: Words of the output's ring, `scale` LR pixels each.
        latency: Clocks from a step to its pixel at the output, lines of zeros aside.
    """

    scale: int
    interval: int
    beat: int
    pad: int
    gap: int
    after: int
    drain: int
    min_slots: int
    fifo_depth: int
    ring_words: int
    latency: int

    def manifest(self) -> dict[str, int]:
        """Describe it for a manifest.

        Returns:
            The numbers that the clocks of a frame follow from, and the latency.
        """
        return {"clocks_per_step": self.interval, "slots_between_lines": self.gap,
                "slots_at_least": self.min_slots, "lines_between_frames": self.pad,
                "latency_clocks": self.latency}

    def slots(self, width: int) -> int:
        """Count the slots of a line.

        Args:
            width: LR pixels of a line.

        Returns:
            Steps from one line's beginning to the next one's.
        """
        return max(width + self.gap, self.min_slots)

    def line_beats(self, width: int) -> int:
        """Count the beats of an LR line.

        Args:
            width: LR pixels of a line.

        Returns:
            Beats of its `scale` HR lines.
        """
        return self.scale * -(-self.scale * width // self.beat)

    def frame_clocks(self, width: int, height: int) -> int:
        """Count the clocks from one frame to the next, both of this size.

        Args:
            width: LR pixels.
            height: LR lines.

        Returns:
            Clocks: what the steps take, or the output where that is slower.
        """
        steps = self.interval * self.slots(width) * (height + self.pad)
        return max(steps, self.line_beats(width) * height)


def _ring_words(made: Raster, max_width: int) -> int:
    """Words of the ring with which no frame up to max_width wide waits for room."""
    most = 0
    for width in range(1, max_width + 1):
        row = made.line_beats(width) // made.scale
        # from a line's beginning to its last reading: its first HR line is read as it comes
        life = made.latency + max(made.interval * width, row) + (made.scale - 1) * row
        step, out = made.interval * made.slots(width), made.line_beats(width)
        if out > step:  # the output must find something to do while the lines of zeros go
            life += made.pad * step
        lines = -(-life // max(step, out))
        most = max(most, lines * (width + made.scale - 1))
    return -(-most // made.scale)


def widest(windows: Sequence[tuple[int, int]]) -> int:
    """Find the widest border of any layer.

    Args:
        windows: Rows before and after the centre of each layer's window.

    Returns:
        Rows, 1 or more: lines of zeros between frames, and slots between lines at least.
    """
    return max(1, *map(max, windows))


def line_slots(scale: int, pad: int, interval: int, beat: int) -> Callable[[int], int]:
    """Give the slots of lines before there is a raster.

    Args:
        scale: Output size over input size.
        pad: The widest border of any layer.
        interval: Clocks per step.
        beat: HR pixels per output beat.

    Returns:
        What `Raster.slots` will be.
    """
    gap, least = _spacing(scale, pad, interval, beat)
    return lambda width: max(width + gap, least)


def _spacing(scale: int, pad: int, interval: int, beat: int) -> tuple[int, int]:
    """Slots between two lines, and those of the shortest line."""
    # a line's last word may hold one pixel, and takes as long as a whole one
    gap = max(pad, scale - 1) if interval == 1 and beat == scale**2 else pad
    return gap, max(2, -(-READ_TO_WRITE // interval))


def raster(scale: int, windows: Sequence[tuple[int, int]], interval: int, beat: int,
           max_width: int, latency: int) -> Raster:
    """Find the raster of a core.

    Args:
        scale: Output size over input size.
        windows: Rows before and after the centre of each layer's window.
        interval: Clocks per step, 1 or more.
        beat: HR pixels per output beat, a divisor of the scale squared.
        max_width: Greatest LR frame width.
        latency: Clocks of all layers, from a step to its pixel, lines and steps aside.

    Returns:
        The raster, with room for its own rate at every width.
    """
    pad, after = widest(windows), sum(below for _, below in windows)
    gap, least = _spacing(scale, pad, interval, beat)
    fifo = max(FEW, 1 << (2 * max_width - 1).bit_length()) if interval == 1 else FEW
    made = Raster(scale, interval, beat, pad, gap, after, max(pad, after), least, fifo, 0,
                  SEQUENCER + latency + interval * after + OUTPUT)
    return replace(made, ring_words=_ring_words(made, max_width))
