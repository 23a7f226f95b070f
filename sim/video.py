# SPDX-License-Identifier: Apache-2.0
"""AXI4-Stream Video beats, good and bad, and what a core must make of them.

May import numpy. `repaired` is the Python twin of fsrcnnx_axis_guard, written from its table of
faults: a fault costs zeros or dropped beats, never the next frame.

    frames, errors = repaired(video(frame)[1:], 16, 16)     # the start of frame is missing
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Beat:
    """One beat: pixel, start of frame (TUSER), end of line (TLAST), frame size beside it."""

    data: int
    sof: int
    eol: int
    width: int
    height: int


def video(frame: np.ndarray) -> list[Beat]:
    """Turn a frame (H, W) into well-formed beats."""
    height, width = frame.shape
    return [Beat(int(frame[y, x]), int(x == y == 0), int(x == width - 1), width, height)
            for y in range(height) for x in range(width)]


def _flip(at: int, name: str):
    """A fault that inverts sof or eol of one beat."""
    def fault(beats: list[Beat]) -> list[Beat]:
        beat = beats[at]
        return [*beats[:at], replace(beat, **{name: 1 - getattr(beat, name)}), *beats[at:][1:]]
    return fault


FAULTS = {  # name -> what it does to the beats of a frame of at least 2x2
    "missing sof": _flip(0, "sof"),
    "early sof": _flip(1, "sof"),
    "late sof": lambda beats: [replace(beats[0], sof=0), replace(beats[1], sof=1), *beats[2:]],
    "missing last eol": lambda beats: [*beats[:-1], replace(beats[-1], eol=0)],
    "early eol": _flip(0, "eol"),
    "late eol": lambda beats: [
        beat for b in beats for beat in ((replace(b, eol=0), b) if b.eol else (b,))],
    "all eol missing": lambda beats: [replace(b, eol=0) for b in beats],
    "every beat an eol": lambda beats: [replace(b, eol=1) for b in beats],
    "beats missing": lambda beats: beats[: len(beats) // 2],
    "a line missing": lambda beats: beats[beats[0].width:],
    "a line too many": lambda beats: [*beats, *beats[-beats[0].width:]],
    "only the first beat": lambda beats: beats[:1],
    "no width": lambda beats: [replace(b, width=0) for b in beats],
    "no height": lambda beats: [replace(b, height=0) for b in beats],
    "too wide": lambda beats: [replace(b, width=13) for b in beats],
}


def fuzz(beats: list[Beat], max_width: int) -> list[Beat]:
    """Damage a frame at random: bits flipped, beats lost or doubled, illegal sizes."""
    made = []
    for beat in beats:
        chance = random.random()
        if chance < 0.04:
            beat = replace(beat, sof=1 - beat.sof)
        elif chance < 0.08:
            beat = replace(beat, eol=1 - beat.eol)
        elif chance < 0.10:
            beat = replace(beat, width=random.choice([0, max_width + 1]))  # 0 and too wide
        made += [beat] * (0 if chance > 0.97 else 2 if chance > 0.94 else 1)
    return made


def repaired(beats: list[Beat], max_width: int, max_height: int,
             only: tuple[int, int] | None = None) -> tuple[list[np.ndarray], int]:
    """Say what comes out of the guard, and how many faults it counts.

    Args:
        beats: What goes in; the last frame is well-formed.
        max_width: Widest legal frame.
        max_height: Highest legal frame.
        only: The one legal size (H, W), for a core that knows no other.

    Returns:
        Whole frames, and the number of faults.
    """
    frames, errors, at, skipping = [], 0, 0, False
    while at < len(beats):
        beat = beats[at]
        legal = 1 <= beat.width <= max_width and 1 <= beat.height <= max_height
        legal = legal and only in (None, (beat.height, beat.width))
        if not (beat.sof and legal):
            errors += bool(beat.sof or not skipping)  # dropped beats in a row count once
            skipping = True
            at += 1
            continue
        skipping = False
        frame, taken = _one_frame(beats, at)
        frames.append(frame[0])
        errors, at = errors + frame[1], taken
    return frames, errors


def _one_frame(beats: list[Beat], at: int) -> tuple[tuple[np.ndarray, int], int]:
    """Take one frame from its start of frame on: ((frame, faults), next beat)."""
    first, errors = at, 0
    frame = np.zeros((beats[at].height, beats[at].width), np.int64)
    for y in range(frame.shape[0]):
        for x in range(frame.shape[1]):
            beat = beats[at]
            if beat.sof and at != first:
                return (frame, errors + 1), at  # the rest stays 0
            frame[y, x] = beat.data
            at += 1
            if beat.eol and x < frame.shape[1] - 1:
                errors += 1
                break
            if not beat.eol and x == frame.shape[1] - 1:
                errors += 1
                while at < len(beats) and not beats[at].sof:
                    at += 1
                    if beats[at - 1].eol:
                        break
    return (frame, errors), at
