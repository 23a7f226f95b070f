"""Tiles: cuts that cover an axis, and exactly the pixels and zeros that an output depends on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fsrcnnx.exact import tiles

REACHES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=4)


@given(st.integers(1, 200), st.integers(1, 50))
def test_cuts_cover_the_axis_evenly(size, most):
    cuts = tiles.cuts(size, most)
    assert [i for cut in cuts for i in cut] == list(range(size))
    lengths = [len(cut) for cut in cuts]
    assert max(lengths) <= most and max(lengths) - min(lengths) <= 1


@given(REACHES, st.integers(1, 30), st.data())
def test_a_tile_is_a_part_of_the_whole(reaches, size, data):
    """Windows of ones: each layer's sums over the tile are those over the whole axis."""
    start = data.draw(st.integers(0, size - 1))
    span = range(start, data.draw(st.integers(start + 1, size)))
    line = np.random.default_rng(0).integers(1, 1000, size)

    def layers(x, pads):
        for (before, after), pad in zip(reaches, pads, strict=True):
            x = np.convolve(np.pad(x, pad), np.ones(before + after + 1, int), "valid")
        return x

    rows, zeros = tiles.needed(reaches, span, size)
    whole = layers(line, reaches)
    got = layers(line[rows.start : rows.stop], zeros)
    assert (got == whole[span.start : span.stop]).all() and len(got) == len(span)
