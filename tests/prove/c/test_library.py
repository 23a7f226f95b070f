"""C references compiled and called: golden's bits, arguments refused, memory kept whole."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx import tools
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx.model import SHIPPED, Model
from fsrcnnx.media.imaging import bicubic
from fsrcnnx.prove.c import library
from fsrcnnx.prove.c.library import PLACE, SIZE, build
from tests.family import FAMILY, network
from tests.networks import extreme_pictures, random_network, random_picture, sloped

VIDEO10 = Format(False, 10, 10)
SMALL = random_network(np.random.default_rng(1), channels=(4, 3), kernels=(3, 1, 5), scale=3,
                       anchor=True, in_format=VIDEO10, out_format=VIDEO10)
OK, NULL, WRONG_SIZE, STRIDE, WORK, RANGE = range(6)
GUARD = 0x5A


@pytest.fixture(scope="module")
def small() -> library.Library:
    """A small network of 10 bits, scale 3."""
    return build(SMALL)


def frames(to: Format) -> list[np.ndarray]:
    """Noise of several sizes, and the extremes."""
    rng = np.random.default_rng(2)
    extremes = [np.where(frame > 0, to.hi, to.lo) for frame in extreme_pictures(6, 9).values()]
    return [*(random_picture(rng, *size, to) for size in (
        (1, 1), (1, 7), (7, 1), (2, 2), (13, 11))), *extremes]


# --- the bits ------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2, pytest.param(3, marks=pytest.mark.slow),
                                   pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FAMILY)
def test_the_family_gives_golden_s_bits(name, scale):
    net = network(np.random.default_rng(scale), name, scale=scale, narrow=True)
    compiled = build(net)
    for lr in frames(net.in_format):
        np.testing.assert_array_equal(compiled.upscale(lr), golden.run(net, lr))


@pytest.mark.slow
@given(seed=st.integers(0, 999), scale=st.integers(1, 4), anchor=st.booleans(),
       last=st.sampled_from(["deconv", "shuffle", "conv"]), slope=st.booleans(),
       bits=st.sampled_from([(8, 8), (4, 6), (16, 16), (20, 24)]), signed=st.booleans(),
       kernels=st.sampled_from([(3, 1, 3), (5, 3, 5), (1, 7, 9), (1, 1, 1)]),
       in_format=st.sampled_from([Format(False, 8, 8), VIDEO10, Format(True, 6, 5)]))
@settings(max_examples=25, deadline=None)
def test_any_network_gives_golden_s_bits(seed, scale, anchor, last, slope, bits, signed, kernels,
                                         in_format):
    if last == "conv" or (last == "shuffle" and scale == 1):
        last, scale = "conv", 1
    if last == "deconv":  # what crops to the scale
        kernels = (*kernels[:2], max(kernels[2] - (kernels[2] - scale) % 2, scale))
    try:
        net = random_network(np.random.default_rng(seed), channels=(3, 2), kernels=kernels,
                             scale=scale, anchor=anchor, last=last, weight_bits=bits[0],
                             activation_bits=bits[1], signed=signed, in_format=in_format)
    except Exception as error:  # some have an anchor that is finer than the sums
        assert "anchor has more fraction bits" in str(error)
        return
    net = sloped(net) if slope else net
    compiled = build(net)
    for lr in frames(net.in_format):
        np.testing.assert_array_equal(compiled.upscale(lr), golden.run(net, lr))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.parent.name for path in SHIPPED.glob("*/model.onnx")))
def test_every_shipped_network_gives_golden_s_bits(name):
    net = Model.open(name).network
    compiled = build(net)
    for lr in (*frames(net.in_format), random_picture(np.random.default_rng(3), 24, 32)):
        np.testing.assert_array_equal(compiled.upscale(lr), golden.run(net, lr))


@pytest.mark.parametrize("prescale", [2, 3, pytest.param(4, marks=pytest.mark.slow),
                                      pytest.param(5, marks=pytest.mark.slow),
                                      pytest.param(7, marks=pytest.mark.slow),
                                      pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("to", [Format(False, 8, 8), VIDEO10, Format(False, 16, 16)], ids=str)
def test_the_enlargement_is_bicubic_s(prescale, to):
    net = random_network(np.random.default_rng(1), channels=(), kernels=(3,), scale=1, last="conv",
                         in_format=to)
    compiled = build(replace(net, prescale=prescale))
    edges = np.kron(np.random.default_rng(1).integers(0, 2, (9, 9)), np.ones((2, 3), int)) * to.hi
    for lr in (*frames(to), edges.astype(to.dtype)):
        np.testing.assert_array_equal(compiled.enlarge(lr), bicubic(
            np.asarray(lr, to.dtype), prescale, to.hi))


def test_without_a_prescale_a_picture_is_as_it_is(small):
    lr = random_picture(np.random.default_rng(1), 3, 4, VIDEO10)
    np.testing.assert_array_equal(small.enlarge(lr), lr)
    assert not hasattr(small.loaded, f"{small.plan.prefix}_enlarge")


def test_it_says_which_network_it_is(small):
    for name, want in (("network", SMALL.name), ("content_hash", SMALL.content_hash())):
        text = (ctypes.c_char * (len(want) + 1)).in_dll(small.loaded, f"{small.plan.prefix}_{name}")
        assert text.value.decode() == want


# --- the arguments -------------------------------------------------------------------------


def call(compiled, lr, hr, work, *, width=None, height=None, lr_stride=None, hr_stride=None,
         work_bytes=None):
    """Call upscale with arrays, or None; what is not given is what they say."""
    def place(array):
        return PLACE(None if array is None else array.ctypes.data)

    def size(given, array, axis):
        return SIZE(array.shape[axis] if given is None else given)

    return compiled.loaded[f"{compiled.plan.prefix}_upscale"](
        place(lr), size(width, lr, 1), size(height, lr, 0), size(lr_stride, lr, 1), place(hr),
        size(hr_stride, hr, 1), place(work), size(work_bytes, work, 0))


def arrays(compiled, height=5, width=6, lr_more=0, hr_more=0):
    """A random frame, room for the output, filled, and the work memory."""
    scale = compiled.plan.network.scale
    lr = random_picture(np.random.default_rng(1), height, width + lr_more, VIDEO10)
    hr = np.full((scale * height, scale * width + hr_more), GUARD, np.uint16)
    return lr, hr, np.full(compiled.plan.work_bytes(width), GUARD, np.uint8)


@pytest.mark.parametrize("offset", range(8))
def test_nothing_beside_the_frame_is_touched(small, offset):
    """Strides longer than the lines, work memory of any alignment, and not a byte more."""
    lr, hr, work = arrays(small, lr_more=4, hr_more=7)
    lr[:, 6:] = 0xFFFF  # out of range: it must not be read
    room = np.full(work.size + 16, GUARD, np.uint8)
    start = offset + -room.ctypes.data % 8
    inside = room[start:start + work.size]
    assert call(small, lr, hr, inside, width=6) == OK
    np.testing.assert_array_equal(hr[:, :18], golden.run(SMALL, lr[:, :6]))
    assert (hr[:, 18:] == GUARD).all()
    assert (room[:start] == GUARD).all() and (room[start + work.size:] == GUARD).all()
    assert (inside != GUARD).any()


@pytest.mark.parametrize(("given", "status"), [
    ({"lr": None}, NULL), ({"hr": None}, NULL), ({"work": None}, NULL),
    ({"width": 0}, WRONG_SIZE), ({"height": 0}, WRONG_SIZE), ({"width": 1 << 62}, WRONG_SIZE),
    ({"width": (1 << 64) - 1}, WRONG_SIZE), ({"height": (1 << 64) - 1}, WRONG_SIZE),
    ({"height": (1 << 64) // 3}, WRONG_SIZE),
    ({"lr_stride": 5}, STRIDE), ({"hr_stride": 17}, STRIDE), ({"lr_stride": 0}, STRIDE),
    ({"work_bytes": 0}, WORK), ({"work_bytes": -1}, WORK), ({"lr": 1024}, RANGE),
])
def test_an_argument_that_cannot_be_is_refused_and_nothing_written(small, given, status):
    lr, hr, work = arrays(small)
    sizes = {"width": 6, "height": 5, "lr_stride": 6, "hr_stride": 18, "work_bytes": work.size}
    given = dict(given)
    if given.get("work_bytes") == -1:
        given["work_bytes"] = work.size - 1
    if given.get("lr") == 1024:
        lr[4, 5] = given.pop("lr")
    places = {"lr": lr, "hr": hr, "work": work}
    places |= {name: given.pop(name) for name in tuple(given) if name in places}
    assert call(small, *places.values(), **{**sizes, **given}) == status
    assert (hr == GUARD).all() and (work == GUARD).all()


def test_the_work_memory_is_what_the_plan_says(small):
    of = small.loaded[f"{small.plan.prefix}_work_bytes"]
    of.restype = SIZE
    for width in (1, 2, 960, 65536):
        assert of(SIZE(width), SIZE(1)) == small.plan.work_bytes(width)
    assert of(SIZE(0), SIZE(1)) == of(SIZE(1), SIZE(0)) == of(SIZE(1 << 63), SIZE(1)) == 0


def test_what_is_no_picture_of_the_network_is_refused(small):
    for lr in (np.zeros((2, 2)), np.zeros((0, 3), int), np.full((2, 2), 1024), np.zeros(4, int)):
        with pytest.raises(InputError):
            small.upscale(lr)


def test_an_error_of_the_library_is_one(small, monkeypatch):
    monkeypatch.setattr(type(small.plan), "work_bytes", lambda plan, width: 3)
    with pytest.raises(CheckError, match="upscale gave the error 4"):
        small.upscale(np.zeros((2, 2), int))


# --- the compiler --------------------------------------------------------------------------


def test_a_library_is_compiled_once(small):
    assert build(SMALL).seconds == 0


def test_a_missing_compiler_and_one_that_fails_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("FSRCNNX_CACHE", str(tmp_path))
    monkeypatch.setattr(library, "FLAGS", (*library.FLAGS, "-include", "nowhere.h"))
    with pytest.raises(ToolError, match=r"cc: cannot compile the reference: .*error.*failed-c-"):
        build(SMALL)
    monkeypatch.setattr(tools, "_candidates", lambda tool: [])
    with pytest.raises(ToolError, match="cc: not found; allowed: 9 or newer; fix: apt-get"):
        build(SMALL)
