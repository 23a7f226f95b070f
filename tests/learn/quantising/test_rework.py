"""Slopes and even grays at the end of `quantise`, and of a file that was quantised without them."""

import pytest
import torch

from fsrcnnx.errors import InputError
from fsrcnnx.exact import even
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.formats import signed_digits
from fsrcnnx.learn import data, models, store
from fsrcnnx.learn.evaluate import mean_psnr
from fsrcnnx.learn.quantising import level as levelling
from fsrcnnx.learn.quantising import moves, neighbours, search, slopes
from fsrcnnx.learn.quantising.calibrate import Bits
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.quantising.quantnet import load_qat, to_network
from fsrcnnx.learn.quantising.rework import lighten, straighten


@pytest.fixture
def few(monkeypatch):
    """A search of a moment, whatever it costs."""
    for module, name, value in ((levelling, "BATCHES", 5), (levelling, "LOST", 99.0),
                                (search, "PAIRED", 4), (search, "MOST", 6)):
        monkeypatch.setattr(module, name, value)
    for module in (slopes, neighbours):
        monkeypatch.setattr(module, "BATCHES", 4)
    monkeypatch.setattr(neighbours, "CHECKED", 2)
    monkeypatch.setattr(slopes, "PRICES", (1e-6, 1e-3))
    monkeypatch.setattr(moves, "STRIDES", range(1))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Float weights of a small network that adds little to the nearest pixel."""
    folder = tmp_path_factory.mktemp("float")
    model = models.build("d4s3m1f3l3a_x2", generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        model.deconv.weight.normal_(0, 0.005, generator=torch.Generator().manual_seed(7))
    torch.save({"name": model.name, "float": model.state_dict()}, folder / "float.pth")
    return folder / "float.pth"


def exact(network):
    """Grays that stay themselves."""
    return int((even.interiors(network) == even.levels(network)[:, None, None]).all((1, 2)).sum())


def most_digits(network):
    """Signed digits of the slope that has the most."""
    return max(int(signed_digits(layer.slope).max()) for layer in network.layers[:-1])


def run(weights, files, output, **options):
    """Quantise in two steps."""
    return quantise(weights, *files, weights.with_name(output), steps=2, batch_size=4,
                    progress=False, **options)


@pytest.fixture(scope="module")
def plain(weights, files):
    """The weights quantised, in plain.pth."""
    return run(weights, files, "plain.pth")


@pytest.mark.slow
def test_quantising_ends_even_and_does_it_once(weights, plain, files, few, monkeypatch):
    done = run(weights, files, "even.pth", even=True)
    assert exact(done.network) > exact(plain.network)
    said = store.read_weights(weights.with_name("even.pth"))
    assert said["complete"] and said["eval_psnr"]["qat"] == done.psnr
    with monkeypatch.context() as patch:  # killed when all but its end was done
        patch.setattr(store, "complete", lambda path, facts: stopped())
        with pytest.raises(KeyboardInterrupt):
            run(weights, files, "again.pth", even=True)
    monkeypatch.setattr("fsrcnnx.learn.quantising.quantise.level", None)
    again = run(weights, files, "again.pth", even=True)
    assert again.psnr == done.psnr
    assert again.network.content_hash() == done.network.content_hash()


def stopped():
    """A Ctrl-C."""
    raise KeyboardInterrupt


def test_a_quantised_file_is_made_even(weights, plain, files, few):
    source, output = (weights.with_name(f"{name}.pth") for name in ("plain", "straight"))
    before = source.read_bytes()
    done = straighten(source, *files, output, progress=False)
    network = to_network(load_qat(output))
    assert network.content_hash() == done.network.content_hash()
    assert exact(network) > exact(plain.network)
    pairs = data.read_pictures(files[1], 2)
    assert done.psnr == mean_psnr(Emulator(network), pairs, 2)
    assert done.before == pytest.approx(plain.psnr)
    said = store.read_weights(output)
    assert said["eval_psnr"] == {**store.read_weights(source)["eval_psnr"], "qat": done.psnr}
    assert source.read_bytes() == before
    with pytest.raises(InputError, match="the output is the input"):
        straighten(source, *files, source)


@pytest.fixture(scope="module")
def many(weights, tmp_path_factory):
    """The weights with slopes of three digits and more in W4A8."""
    path = tmp_path_factory.mktemp("many") / "float.pth"
    content = store.read_weights(weights)
    for name, value in content["float"].items():
        if name.startswith("act"):
            value.uniform_(0.33, 0.36, generator=torch.Generator().manual_seed(8))
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def digits_of_many(many, files):
    """Most signed digits of those slopes, quantised in plain.pth."""
    network = run(many, files, "plain.pth", bits=Bits(4, 8)).network
    return most_digits(network), network.content_hash()


@pytest.mark.slow
def test_quantising_limits_slopes_and_does_it_once(many, digits_of_many, files, few, monkeypatch):
    done = run(many, files, "slim.pth", bits=Bits(4, 8), slope_digits=1, rounds=1)
    assert digits_of_many[0] > 1 == most_digits(done.network)
    assert store.read_weights(many.with_name("slim.pth"))["label"] == "d4s3m1f3l3a_x2_w4a8"
    with monkeypatch.context() as patch:  # killed between slopes and search
        patch.setattr(neighbours, "search", lambda *args, **options: stopped())
        with pytest.raises(KeyboardInterrupt):
            run(many, files, "again.pth", bits=Bits(4, 8), slope_digits=1, rounds=1)
    monkeypatch.setattr("fsrcnnx.learn.quantising.quantise.slim", None)
    again = run(many, files, "again.pth", bits=Bits(4, 8), slope_digits=1, rounds=1)
    assert again.network.content_hash() == done.network.content_hash()


@pytest.mark.parametrize("digits", [-1, 9])
def test_quantising_refuses_other_digits(weights, files, digits):
    with pytest.raises(InputError, match="signed digits of slopes"):
        run(weights, files, "w.pth", slope_digits=digits)


@pytest.mark.slow
def test_slopes_of_a_quantised_file_are_limited(many, digits_of_many, files, few):
    before, plain = digits_of_many
    source, output = (many.with_name(f"{name}.pth") for name in ("plain", "light"))
    done = lighten(source, *files, output, digits=1, rounds=2, progress=False)
    network, said = to_network(load_qat(output)), store.read_weights(output)
    assert network.content_hash() == done.network.content_hash() != plain
    assert before > 1 == most_digits(network)
    assert done.adders[1] < done.adders[0] and said["eval_psnr"]["qat"] == done.psnr
    assert [row[4] for row in said["qat"]["formats"].values()] == ["1", "1", "1", "1", ""]
    assert not list(many.parent.glob(".light*"))
    even_too = straighten(output, *files, many.with_name("even.pth"), progress=False)
    assert most_digits(even_too.network) == 1
    for wrong in ({"digits": 0}, {"digits": 9}, {"rounds": -1}):
        with pytest.raises(InputError, match="1..8 digits"):
            lighten(source, *files, output, **wrong)
