"""The golden model against torch's own float64 operators, and against its definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from fsrcnnx.errors import InputError
from fsrcnnx.exact import golden
from fsrcnnx.exact.network import PIXEL
from tests.networks import extreme_pictures, random_layer, random_network, random_picture


def _tensor(x):
    return torch.tensor(x.transpose(2, 0, 1)[None], dtype=torch.float64)


def _array(t):
    return t[0].numpy().transpose(1, 2, 0).astype(np.int64)


@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (6, 8)])
def test_convolve_equals_torch(kernel, size):
    rng = np.random.default_rng(kernel)
    layer = random_layer(rng, "c", 3, 4, kernel)
    x = rng.integers(-128, 128, (*size, 3))
    want = functional.conv2d(_tensor(x), torch.tensor(layer.weight, dtype=torch.float64),
                             torch.tensor(layer.bias, dtype=torch.float64), padding=layer.padding)
    np.testing.assert_array_equal(golden.convolve(x, layer), _array(want))


@pytest.mark.parametrize(("kernel", "stride", "padding"),
                         [(3, 2, 1), (9, 2, 4), (4, 2, 1), (3, 3, 0), (9, 4, 3), (2, 2, 0)])
def test_deconvolve_equals_torch(kernel, stride, padding):
    rng = np.random.default_rng(kernel)
    layer = random_layer(rng, "d", 3, 2, kernel, stride=stride, kind="deconv", padding=padding)
    x = rng.integers(-128, 128, (5, 6, 3))
    want = functional.conv_transpose2d(
        _tensor(x), torch.tensor(layer.weight, dtype=torch.float64).transpose(0, 1),
        torch.tensor(layer.bias, dtype=torch.float64), stride=stride, padding=padding,
        output_padding=stride - kernel + 2 * padding)
    np.testing.assert_array_equal(golden.deconvolve(x, layer), _array(want))


@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (3, 2), (5, 3), (3, 4)])
def test_shuffle_equals_torch(kernel, stride):
    rng = np.random.default_rng(kernel)
    layer = random_layer(rng, "s", 3, 1, kernel, stride=stride, kind="shuffle")
    layer = replace(layer, bias=rng.integers(-1000, 1000, stride**2))
    x = rng.integers(-128, 128, (5, 6, 3))
    sums = functional.conv2d(_tensor(x), torch.tensor(layer.weight, dtype=torch.float64),
                             torch.tensor(layer.bias, dtype=torch.float64), padding=layer.padding)
    np.testing.assert_array_equal(golden.shuffle(x, layer),
                                  _array(functional.pixel_shuffle(sums, stride)))


def test_activation_by_hand():
    layer = random_layer(np.random.default_rng(0), "c", 1, 2, 1, slope_bits=4)
    acc = np.array([[[5, -5]]])
    assert golden.activate(acc, layer).tolist() == [[[5 << 3, -5 * int(layer.slope[1])]]]


def test_trace_ends_in_run_and_stays_in_the_formats():
    rng = np.random.default_rng(2)
    network = random_network(rng)
    lr = random_picture(rng, 9, 7)
    outputs = golden.trace(network, lr)
    assert list(outputs) == [layer.name for layer in network.layers]
    for layer in network.layers:
        assert layer.out_format.holds(outputs[layer.name])
    np.testing.assert_array_equal(outputs["deconv"][:, :, 0], golden.run(network, lr))


@pytest.mark.parametrize("kind", ["deconv", "shuffle"])
def test_anchor_adds_the_lr_pixel_to_every_phase(kind):
    rng = np.random.default_rng(3)
    network = random_network(rng, channels=(2,), kernels=(3, 3), anchor=True, last=kind)
    last = network.layers[-1]
    silent = type(last)(**{**vars(last), "weight": last.weight * 0, "bias": last.bias * 0})
    network = type(network)("a", (network.layers[0], silent), anchor=True).check()
    lr = random_picture(rng, 4, 5)
    np.testing.assert_array_equal(golden.run(network, lr), lr.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("name", ["black", "white", "checkerboard", "impulse"])
def test_extremes_stay_in_range(name):
    network = random_network(np.random.default_rng(4))
    assert PIXEL.holds(golden.run(network, extreme_pictures(6, 5)[name]))


@pytest.mark.parametrize("lr", [np.zeros((0, 3), np.uint8), np.zeros((2, 2, 1), np.uint8),
                                np.zeros((2, 2)), np.array([[256]]), np.array([[-1]])])
def test_what_is_no_picture_is_refused(lr):
    with pytest.raises(InputError, match="allowed"):
        golden.run(random_network(np.random.default_rng(0)), lr)
