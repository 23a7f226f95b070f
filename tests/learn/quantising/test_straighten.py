"""Even grays at the end of `quantise`, and of a file that was quantised without them."""

import pytest
import torch

from fsrcnnx.errors import InputError
from fsrcnnx.exact import even
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.learn import data, models, store
from fsrcnnx.learn.evaluate import mean_psnr
from fsrcnnx.learn.quantising import level as levelling
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.quantising.quantnet import load_qat, to_network
from fsrcnnx.learn.quantising.straighten import straighten


@pytest.fixture
def few(monkeypatch):
    """A search of a moment, whatever it costs."""
    for name, value in {"BATCHES": 5, "PAIRED": 4, "STRIDES": range(1), "MOST": 6,
                        "LOST": 99.0}.items():
        monkeypatch.setattr(levelling, name, value)


@pytest.fixture
def weights(tmp_path):
    """Float weights of a small network that adds little to the nearest pixel."""
    model = models.build("d4s3m1f3l3a_x2", generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        model.deconv.weight.normal_(0, 0.005, generator=torch.Generator().manual_seed(7))
    torch.save({"name": model.name, "float": model.state_dict()}, tmp_path / "float.pth")
    return tmp_path / "float.pth"


def exact(network):
    """Grays that stay themselves."""
    return int((even.interiors(network) == even.levels(network)[:, None, None]).all((1, 2)).sum())


def run(weights, files, output, **options):
    """Quantise in two steps."""
    return quantise(weights, *files, weights.with_name(output), steps=2, batch_size=4,
                    progress=False, **options)


def test_quantising_ends_even_and_does_it_once(weights, files, few, monkeypatch):
    plain = run(weights, files, "plain.pth")
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


def test_a_quantised_file_is_made_even(weights, files, few):
    plain = run(weights, files, "plain.pth")
    source, output = (weights.with_name(f"{name}.pth") for name in ("plain", "even"))
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
