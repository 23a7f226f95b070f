"""Clip and ReLU6: left out where the Quant behind saturates as early, refused otherwise."""

import numpy as np
import pytest

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx.adopt import adopt
from tests.foreign import MAP, PIXEL, foreign, same_bits, with_activation


def clips(*chain):
    """Activations by name: R, P (slopes not negative), N (negative), or bounds of a Clip."""
    def activation(f, x, name):
        for number, link in enumerate(chain):
            at = f"{name}{number}"
            if link == "R":
                x = f.node("Relu", [x], at)
            elif link in ("P", "N"):
                x = f.prelu(x, at, [0.5, 0.25, 0.0 if link == "P" else -0.25])
            else:
                ends = [f.constant(f"{at}_{n}", end) if end is not None else ""
                        for n, end in enumerate(link)]
                x = f.node("Clip", [x, *ends], at)
        return x
    return activation


# the Quant behind is signed, 8 bits, -2..127/64: its greatest value comes for what is above
# 126.5/64 = 1.9765625 (that itself rounds to 126, the even one)
TAKEN = {
    "ReLU6": ([(0, 6)], ["R"]),
    "no bounds": ([(None, None)], []),
    "no upper bound": ([(0, None)], ["R"]),
    "no lower bound": ([(None, 2)], []),
    "as early": ([(-2, 127 / 64)], []),
    "half a step before": ([(-2 + 0.5 / 64, 126.5001 / 64)], []),
    "ReLU then ReLU6": (["R", (0, 6)], ["R"]),
    "ReLU6 then ReLU": ([(0, 6), "R"], ["R"]),
    "two of them": ([(-1, 6), (0, 4)], ["R"]),
    "PReLU then a wide Clip": (["N", (-3, 3)], ["N"]),
    "PReLU then ReLU6": (["P", (0, 6)], ["R"]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_clip_goes_where_the_quant_saturates_as_early(name, tmp_path):
    chain, same = TAKEN[name]
    adopted = same_bits(with_activation(clips(*chain)), tmp_path)
    plain_one = adopt(with_activation(clips(*same)), "f").network
    for ours, other in zip(adopted.network.layers, plain_one.layers, strict=True):
        assert (ours.slope is None) == (other.slope is None)
        assert ours.slope is None or (ours.slope == other.slope).all()


@pytest.mark.parametrize(("chain", "message"), [
    ([(0, 1)], r"node a0 \(Clip\): clips to 0\.\.1, and the Quant behind it \(m\) saturates at "
               r"-2\.\.1.984375; allowed: a min of 0 or up to -1.9921875, and a max above "
               r"1.9765625; fix: "),
    ([(0, 126.5 / 64)], r"clips to 0\.\.1.9765625, "),
    ([(-1, 6)], r"clips to -1\.\.6, "), ([(0.5, 6)], r"clips to 0.5\.\.6, "),
    ([(None, 1)], r"clips to \.\.1, "), ([(-1, None)], r"clips to -1\.\., "),
    ([(0.5, 6), "R"], r"clips to 0.5\.\.6, "),
    ([(2, 1)], r"node a0 \(Clip\): clips to 2\.\.1; allowed: a min below the max"),
    ([(np.nan, 1)], r"input min \(a0_0\) holds nan; allowed: finite"),
    ([(0, np.inf)], r"input max \(a0_1\) holds inf; allowed: finite"),
    ([([0, 0], 6)], r"input min of shape \(2,\); allowed: one value"),
    (["N", (0, 6)], r"node a0_a \(PRelu\): stands with other activations before a Quant"),
    ([(-6, 6), "N"], r"node a1_a \(PRelu\): stands with other activations"),
])
def test_a_clip_that_changes_values_is_refused_with_both_bounds(chain, message):
    with pytest.raises(ModelError, match=message):
        adopt(with_activation(clips(*chain)), "f")


@pytest.mark.parametrize(("opset", "given", "same"), [
    (7, {"min": 0.0, "max": 6.0}, (0, 6)), (10, {"max": 6.0}, (None, 6)),
    (10, {"min": 0.0}, (0, None))])
def test_bounds_came_as_attributes(opset, given, same):
    def relu6(f, x, name):
        return f.node("Clip", [x], "a_a", **given)
    adopted = adopt(with_activation(relu6, opset=opset), "f")
    want = adopt(with_activation(clips(same)), "f").network
    assert adopted.network.content_hash() == want.content_hash()


def test_a_clip_before_an_unsigned_quant_is_no_activation(tmp_path):
    def build(*links):
        f = foreign()
        x = f.node("Clip", ["lr", f.constant("zero", 0), f.constant("one", 1)], "clipped")
        x = f.conv(f.quant(x if links else "lr", PIXEL, "x"), "a")
        x = clips(*links)(f, x, "a")
        x = f.quant(x, Format(False, 8, 7), "m")
        x = f.quant(f.deconv(x), PIXEL, "y")
        if links:  # behind a Quant that gives 0..255/256
            f.node("Clip", [x, "zero", "one"], "z")
        else:
            f.nodes.remove(f.nodes[0])
        return f.data()
    adopted = same_bits(build((0, 6)), tmp_path)
    assert adopted.network.layers[0].slope is None and len(adopted.rewrites) == 3
    assert adopted.network.content_hash() == adopt(build(), "f").network.content_hash()


def test_a_clip_of_a_map_to_less_is_refused():
    f = foreign().whole()
    f.node("Clip", ["y", "", f.constant("half", 0.5)], "z")
    with pytest.raises(ModelError, match=r"node z \(Clip\): clips to \.\.0.5 what the Quant before "
                                         r"it \(y\) gives; allowed: 0\.\.0.99609375 or more"):
        adopt(f.data(), "f")


def test_a_clip_with_two_users_is_refused():
    f = foreign()
    x = clips((0, 6))(f, f.conv(f.quant("lr", PIXEL, "x"), "a"), "a")
    f.quant(f.deconv(f.quant(x, MAP, "m")), PIXEL, "y")
    f.quant(x, MAP, "other")
    with pytest.raises(ModelError, match=r"node a0 \(Clip\): clips to 0\.\.6 what no Quant takes"):
        adopt(f.data(output="y"), "f")


def test_a_depth_to_space_among_them_moves_values_only(tmp_path):
    def build(*links):
        f = foreign()
        f.parameters("s", (4, 1, 3, 3), 4)
        x = f.node("Conv", [f.quant("lr", PIXEL, "x"), "s_w", "s.bias"], "c", pads=[1] * 4)
        x = clips(*links[:1])(f, x, "p")
        x = f.node("DepthToSpace", [x], "up", blocksize=2, mode="CRD")
        f.quant(clips(*links[1:])(f, x, "q"), PIXEL, "y")
        return f.data()
    want = adopt(build(), "f").network
    for links in ([(0, 1)], [(-1, 6), (0, 2)], [(None, None), (0, 1)]):
        adopted = same_bits(build(*links), tmp_path)
        assert adopted.network.content_hash() == want.content_hash()
    assert want.layers[0].kind == "shuffle"


def test_a_clip_behind_two_others_of_a_map(tmp_path):
    f = foreign().whole()
    x = "y"
    for number in range(3):
        x = f.node("Clip", [x, "", f.constant(f"one{number}", 1)], f"z{number}")
    assert adopt(f.data(), "net.onnx").network.content_hash() == adopt(
        foreign().whole().data(), "net.onnx").network.content_hash()
