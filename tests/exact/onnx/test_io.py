"""model.onnx and its companions: identity of write and read, and equality with the golden model."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.graph import exact_float32
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.stock import encode_float, encode_uint8
from fsrcnnx.exact.onnx.write import bias_format, encode
from tests.networks import extreme_pictures, random_network, random_picture

FSRCNN_X = {"channels": (23, 12, 12, 12, 23), "kernels": (3, 1, 3, 3, 1, 3)}
SIZES = [(1, 1), (1, 7), (5, 1), (7, 11), (13, 2)]


@st.composite
def networks(draw):
    """Random networks of the family: widths, kernels, scales, formats, anchor, activation."""
    scale = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["deconv", "shuffle"])) if scale > 1 else "deconv"
    last = draw(st.sampled_from([1, 3, 5] if kind == "shuffle" else [
        k for k in range(1, 8) if k >= scale and (scale > 1 or k % 2)]))
    channels = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    kernels = tuple(draw(st.sampled_from([1, 3, 5])) for _ in channels)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random_network(
        rng, channels=channels, kernels=(*kernels, last), scale=scale,
        weight_bits=draw(st.integers(2, 10)), activation_bits=draw(st.integers(5, 10)),
        anchor=draw(st.booleans()), prelu=draw(st.booleans()), last=kind)


def equal(a: Network, b: Network) -> bool:
    """Compare everything, arrays included."""
    def plain(layer: Layer) -> tuple:
        return tuple(value.tolist() if isinstance(value, np.ndarray) else value
                     for value in vars(layer).values())

    return ((a.name, a.in_format, a.anchor, a.meta) == (b.name, b.in_format, b.anchor, b.meta)
            and list(map(plain, a.layers)) == list(map(plain, b.layers)))


@pytest.fixture
def network():
    return random_network(np.random.default_rng(3), anchor=True)


@given(networks(), st.dictionaries(st.sampled_from(["psnr", "data", "version"]), st.text()))
@settings(max_examples=60, deadline=None)
def test_write_read_write_is_the_identity(network, meta):
    network = replace(network, meta=meta)
    data = encode(network)
    again = decode(data, "model.onnx")
    assert equal(again, network)
    assert again.content_hash() == network.content_hash()
    assert encode(again) == data


@pytest.mark.parametrize("bits", [(8, 8), (4, 8), (4, 6)], ids=lambda b: f"w{b[0]}a{b[1]}")
@pytest.mark.parametrize("anchor", [False, True], ids=["plain", "anchor"])
def test_the_whole_network_equals_golden_on_noise_and_extremes(tmp_path, bits, anchor):
    rng = np.random.default_rng(11)
    network = random_network(rng, **FSRCNN_X, weight_bits=bits[0], activation_bits=bits[1],
                             anchor=anchor)
    onnx_io.save(network, tmp_path / "model.onnx")
    onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
    pictures = [random_picture(rng, 31, 37), *extreme_pictures(11, 13).values()]
    for index, lr in enumerate(pictures):
        hr = golden.run(network, lr)
        assert index or len(np.unique(hr)) > 50, "the noise must reach many output values"
        assert (onnx_io.run_qonnx(tmp_path / "model.onnx", lr) == hr).all()
        assert (onnx_io.run_uint8(tmp_path / "model_uint8.onnx", lr) == hr).all()


@pytest.mark.parametrize("size", SIZES)
def test_sizes(tmp_path, network, size):
    onnx_io.save(network, tmp_path / "model.onnx")
    onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
    lr = random_picture(np.random.default_rng(0), *size)
    qonnx = onnx_io.run_qonnx(tmp_path / "model.onnx", lr)
    uint8 = onnx_io.run_uint8(tmp_path / "model_uint8.onnx", lr)
    assert qonnx.dtype == np.int64 and uint8.dtype == np.uint8
    assert (qonnx == golden.run(network, lr)).all() and (uint8 == qonnx).all()


def test_ten_bit_video_goes_through_qonnx_and_not_through_uint8(tmp_path):
    network = random_network(np.random.default_rng(5), activation_bits=10)
    video = Format(False, 10, 10)
    last = replace(network.layers[-1], out_format=video)
    first = replace(network.layers[0], bias=network.layers[0].bias << 2)
    network = replace(network, in_format=video, layers=(first, *network.layers[1:-1], last))
    onnx_io.save(network, tmp_path / "model.onnx")
    lr = np.random.default_rng(0).integers(0, 1024, (9, 8))
    hr = golden.run(network, lr)
    assert hr.max() > 255
    assert (onnx_io.run_qonnx(tmp_path / "model.onnx", lr) == hr).all()
    with pytest.raises(ModelError, match="the input: luma in ap_ufixed<10,0>"):
        onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")


def test_a_changed_weight_changes_what_the_runtimes_give(tmp_path, network):
    """The equalities above can fail: one weight step is seen."""
    lr = random_picture(np.random.default_rng(1), 16, 16)
    weight = network.layers[0].weight.copy()
    weight[0, 0, 1, 1] ^= 4
    planted = replace(network, layers=(replace(network.layers[0], weight=weight),
                                       *network.layers[1:]))
    onnx_io.save(planted, tmp_path / "model.onnx")
    onnx_io.save_uint8(planted, tmp_path / "model_uint8.onnx")
    hr = golden.run(network, lr)
    assert (onnx_io.run_qonnx(tmp_path / "model.onnx", lr) != hr).any()
    assert (onnx_io.run_uint8(tmp_path / "model_uint8.onnx", lr) != hr).any()


def test_ties_go_to_even_and_overflow_saturates_in_every_runtime(tmp_path):
    """y = x/2 with ties at odd x, and y = 4x beyond 255."""
    x = np.arange(256, dtype=np.uint8)[None]
    for frac, want in ((8, np.rint(x / 2.0)), (5, np.minimum(4 * x.astype(int), 255))):
        layer = Layer("half", "conv", np.full((1, 1, 1, 1), 128), Format(True, 9, frac),
                      np.zeros(1, np.int64), Format(False, 8, 8))
        network = Network("half_x1", (layer,))
        onnx_io.save(network, tmp_path / "model.onnx")
        onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
        assert (golden.run(network, x) == want).all()
        assert (onnx_io.run_qonnx(tmp_path / "model.onnx", x) == want).all()
        assert (onnx_io.run_uint8(tmp_path / "model_uint8.onnx", x) == want).all()


def test_names_metadata_and_operators(network):
    network = replace(network, meta={"training_data": "T91", "psnr": "36.1 dB"})
    model = onnx.load_model_from_string(encode(network))
    names = [node.name for node in model.graph.node]
    assert [n for n in names if n.startswith("conv0")] == [
        "conv0_weight_quant", "conv0_bias_quant", "conv0", "conv0_slope_quant", "conv0_prelu",
        "conv0_quant"]
    assert [node.op_type for node in model.graph.node[-4:]] == [
        "ConvTranspose", "Resize", "Add", "Quant"]
    meta = {p.key: p.value for p in model.metadata_props}
    assert meta["architecture"] == "random_x2" and meta["scale"] == "2"
    assert meta["content_hash"] == network.content_hash()
    assert meta["training_data"] == "T91" and meta["psnr"] == "36.1 dB"
    for data in (encode_uint8(network), encode_float(network)):
        model = onnx.load_model_from_string(data)
        assert {node.domain for node in model.graph.node} == {""}
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 13)]
        assert "training_data" in {p.key for p in model.metadata_props}


def test_bytes_are_reproducible(network):
    again = random_network(np.random.default_rng(3), anchor=True)
    for write in (encode, encode_uint8, encode_float):
        assert write(network) == write(again)


def test_writing_is_atomic_and_reports_what_stops_it(tmp_path, network, monkeypatch):
    path = tmp_path / "model.onnx"
    onnx_io.save(network, path)
    before = path.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(InputError, match=r"model.onnx: cannot be written .No space left"):
        onnx_io.save(replace(network, anchor=False), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(InputError, match="No such file"):
        onnx_io.save(network, tmp_path / "missing" / "model.onnx")


def test_float_file_computes_the_network_without_rounding(tmp_path):
    rng = np.random.default_rng(2)
    layer = Layer("blur", "conv", rng.integers(-128, 128, (1, 1, 3, 3)), Format(True, 8, 9),
                  np.array([5]), Format(False, 8, 8), np.array([3]), Format(True, 4, 3), padding=1)
    network = Network("blur_x1", (layer,))
    lr = random_picture(rng, 6, 7)
    onnx_io.save_float(network, tmp_path / "float.onnx")
    acc = golden.activate(golden.convolve(lr.astype(np.int64)[:, :, None], layer), layer)
    want = acc[:, :, 0] / 2.0 ** (9 + 3)  # raw at frac 8 + 9 + 3, times 256
    assert (onnx_io.run_float(tmp_path / "float.onnx", lr) == want).all()
    doubled = {"blur": onnx_io.FloatLayer(layer.weight / 256, layer.bias / 2.0**16,
                                          layer.slope / 8)}
    onnx_io.save_float(network, tmp_path / "float.onnx", doubled)
    assert (onnx_io.run_float(tmp_path / "float.onnx", lr) == 2 * want).all()


@pytest.mark.parametrize(("change", "message"), [
    (lambda v: v.pop("conv0"), "float values for layers conv1"),
    (lambda v: v.update(conv0=replace(v["conv0"], bias=np.zeros(2))),
     r"layer conv0 bias: float values: shape \(2,\); allowed: shape \(5,\)"),
    (lambda v: v.update(conv0=replace(v["conv0"], slope=None)), "layer conv0 slope: .*none"),
    (lambda v: v.update(conv0=replace(v["conv0"], bias=np.full(5, np.nan))), "not finite"),
])
def test_float_values_must_match_the_network(tmp_path, network, change, message):
    values = onnx_io.dequantise(network)
    change(values)
    with pytest.raises(ModelError, match=message):
        onnx_io.save_float(network, tmp_path / "float.onnx", values)
    assert not list(tmp_path.iterdir())


def _with_first(network: Network, **changes) -> Network:
    return replace(network, layers=(replace(network.layers[0], **changes), *network.layers[1:]))


@pytest.mark.parametrize(("change", "message"), [
    (lambda n: _with_first(n, name="a b"), "layer 'a b': a layer name that is no identifier"),
    (lambda n: _with_first(n, name="lr"), "two tensors would be called 'lr'"),
    (lambda n: _with_first(n, name="deconv"), "two tensors would be called 'deconv"),
    (lambda n: _with_first(n, bias=np.full(5, 2**30 + 1)),
     "layer conv0 bias: raw 1073741825 .* is no float32"),
    (lambda n: _with_first(n, out_format=Format(True, 26, 4)), r"layer conv0: .*ap_fixed<26,22>"),
    (lambda n: _with_first(n, weight_format=Format(True, 8, 130), bias=n.layers[0].bias * 0),
     "layer conv0 weight: .* is no float32"),
    (lambda n: _with_first(n, slope=np.zeros(5, int), slope_format=Format(True, 1, 0)),
     "node conv0_slope_quant: 1 signed bit"),
    (lambda n: _with_first(n, weight=n.layers[0].weight[:, :, :, :2]), "layer conv0: weights of"),
    (lambda n: replace(n, meta={"scale": "2"}), "metadata 'scale': '2'; allowed: text under keys"),
    (lambda n: replace(n, meta={"psnr": 36}), "metadata 'psnr': 36"),
])
def test_networks_that_do_not_fit_are_refused(tmp_path, network, change, message):
    with pytest.raises(ModelError, match=message):
        onnx_io.save(change(network), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@given(st.integers(-(2**62), 2**62), st.integers(-80, 140))
def test_exact_float32_is_exact_or_refuses(raw, frac):
    try:
        value = exact_float32(np.array([raw]), frac, "x")[0]
    except ModelError:
        magnitude = abs(raw)
        odd = magnitude >> ((magnitude & -magnitude).bit_length() - 1)
        top = magnitude.bit_length() - frac
        assert odd.bit_length() > 24 or top > 128 or top < -125
    else:
        assert np.isfinite(value) and float(value) == np.ldexp(float(raw), -frac)
        assert int(float(value) * 2.0**frac) == raw


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1))
@example([-4])
@example([-5, -4])
@example([4])
@example([0])
def test_bias_format_is_the_narrowest(values):
    bias = np.array(values)
    layer = Layer("a", "conv", np.zeros((1, 1, 1, 1), int), Format(True, 2, 0), bias,
                  Format(True, 8, 0))
    to = bias_format(layer, 3)
    assert to.frac == 3 and to.signed and to.holds(bias)
    assert to.width == 2 or not Format(True, to.width - 1, 3).holds(bias)
