"""Block RAMs by their shapes, and the anchor's way of the fewest."""

import pytest

from fsrcnnx.emit.rtl.blocks import aside, blocks, slices


@pytest.mark.parametrize(("bits", "words", "count"), [
    (8, 64, 0), (36, 512, 1), (37, 512, 2), (18, 1024, 1), (9, 1920, 1), (10, 1920, 2),
    (8, 4096, 2), (2, 8192, 1), (1, 16385, 2)])
def test_a_memory_takes_the_blocks_of_the_shape_that_holds_its_words(bits, words, count):
    assert blocks(bits, words) == count


def test_slices_are_the_word():
    assert slices(92) == [36, 36, 20] and slices(0) == []


@pytest.mark.parametrize(("own", "layers", "bits"), [
    (84, 4, 2),  # 6 bits fit behind 84 in 10 blocks of 9; 2 of 4 lines take one block of 8192
    (72, 4, 8),  # full blocks: 4 of 8192 for the pixel, or one for each layer: fewer registers
    (82, 1, 0)])  # they fit behind the lines
def test_the_anchor_takes_the_fewest_blocks(own, layers, bits):
    found = aside([(own, 1)] * layers, 8, 1920, 1920 * layers + 120)
    assert found == bits
    took = [blocks(away, 1920 * layers + 120) + layers * sum(
        blocks(part, 1920) for part in slices(own + 8 - away)) for away in range(9)]
    assert took[found] == min(took)
