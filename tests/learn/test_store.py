"""A weights file is a stranger: what is wrong in it is said in one line, and costs no memory."""

import io
import os
import signal
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsrcnnx import limits
from fsrcnnx.errors import FsrcnnxError, InputError, ModelError
from fsrcnnx.interrupts import stoppable
from fsrcnnx.learn import models, store, torchfile
from fsrcnnx.learn.quantising.export import NAMES, export
from fsrcnnx.learn.quantising.quantnet import load_qat, to_network

NAME = "d2s1m0f1l2_x2"
PIXELS = "ap_ufixed<8,0>"


def weights(**more):
    """A small, valid, quantised file."""
    model = models.build(NAME)
    rows = {name: ["ap_fixed<8,2>", "ap_fixed<8,3>" if name in model.act else "",
                   "ap_fixed<8,0>" if name in model.act else PIXELS, ""] for name in model.names}
    return {"name": NAME, "float": model.state_dict(), "label": NAME, "fine": 4, "fine_lr": 1e-3,
            "qat": {"state": model.state_dict(), "formats": rows}, "version": "0.1.0", "step": 3,
            "bits": {"weight": 8, "activation": 8, "slope": 8, "digits": 0}, "fine_teacher": "",
            "training": {"lr": 0.1, "steps": 9, "batch_size": 4, "patches": 7, "loss": "log",
                         "expand": 1, "hold": True},
            "rounds": 0, "eval_psnr": {"float": 30.0, "calibrated": 29.0, "qat": 29.5}, **more}


def change(path, value):
    """A file with something else in one place."""
    content = at = weights()
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return content


def written(tmp_path, content):
    """The file of a content."""
    torch.save(content, tmp_path / "w.pth")
    return tmp_path / "w.pth"


def test_a_valid_file_is_read_as_it_is(tmp_path):
    content = weights()
    read = store.read_weights(written(tmp_path, content))
    assert list(read) == list(content)
    assert all(torch.equal(read["float"][key], value) for key, value in content["float"].items())
    assert {key: read[key] for key in ("bits", "training", "eval_psnr", "label")} \
        == {key: content[key] for key in ("bits", "training", "eval_psnr", "label")}
    assert export(tmp_path / "w.pth", tmp_path).name == NAME


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_is_read(tmp_path, dtype):
    state = {key: value.to(dtype) for key, value in weights()["float"].items()}
    loaded = store.load(written(tmp_path, state), NAME).state_dict()
    assert all(torch.equal(loaded[key], value.float()) for key, value in state.items())


ODD = "float.feature.weight is "
WRONG = [
    (("float",), [torch.ones(1)], "float is a list; allowed: a dictionary"),
    (("float",), None, "float is nothing"),
    (("float",), {1: torch.ones(1)}, "a key of float is 1; allowed: text"),
    (("float", "feature.weight"), [1.0], ODD + "a list"),
    (("float", "feature.weight"), torch.ones(2, 1, 1, 1, dtype=torch.int64), ODD + "a int64"),
    (("float", "feature.weight"), torch.ones(2, dtype=torch.complex64),
     "holds torch ComplexFloatStorage"),
    (("float", "feature.weight"), torch.ones(2, 1, 1, 1, dtype=torch.bool), ODD + "a bool"),
    (("float", "feature.weight"), torch.tensor(1.0), r"feature\.weight': \(\), not \(2, 1, 1, 1"),
    (("float", "feature.weight"), torch.ones(1).expand(1 << 40), r"\(1099511627776,\), not"),
    (("float", "feature.weight"), torch.full((2, 1, 1, 1), 1e300, dtype=torch.float64), "infinity"),
    (("float", "extra"), torch.ones(3), r"'extra': \(3,\) has no place in it"),
    (("name",), 7, "name is 7"),
    (("name",), "x\n$(touch a)", r"name is 'x\\n\$\(touch a\)'"),
    (("name",), "d99999999s9999999m9999f3l3_x2", "10003 layers; allowed: up to 64"),
    (("name",), "vdsr_x2", r"w\.pth: unknown model 'vdsr_x2'"),
    (("label",), "a\n`include", "label is 'a"),
    (("label",), None, "label is nothing"),
    (("label",), "é", "label is"),
    (("bits",), 8, "bits is 8; allowed: a dictionary"),
    (("bits", "weight"), "8", "bits.weight is '8'; allowed: a whole number, 2 to 16"),
    (("bits", "weight"), True, "bits.weight is True"),
    (("bits", "x\ny"), 8, "bits has a key"),
    (("bits",), {"weight": 8}, "bits lacks activation"),
    (("training",), [], "training is a list"),
    (("training", "loss"), "rm -rf", "training.loss is 'rm -rf'; allowed: mse, log, joint"),
    (("training", "teacher"), "a\nb", "training.teacher is"),
    (("eval_psnr",), "30", "eval_psnr is '30'"),
    (("eval_psnr", "qat"), float("nan"), "eval_psnr.qat is nan; allowed: a number"),
    (("eval_psnr", "qat"), torch.ones(1), "eval_psnr.qat is a float32 tensor"),
    (("step",), -1, "step is -1"),
    (("complete",), 1, "complete is 1; allowed: True or False"),
    (("qat",), None, "qat is nothing"),
    (("qat",), {}, "qat lacks state"),
    (("qat", "state"), [], "qat.state is a list"),
    (("qat", "formats"), {}, "qat.formats of no layer; allowed: feature, shrink, expand, deconv"),
    (("qat", "formats", "shrink"), 3, "qat.formats.shrink is 3"),
    (("qat", "formats", "shrink"), [], "qat.formats.shrink is a list"),
    (("qat", "formats", "shrink"), ["ap_fixed<8,2>", "", PIXELS, ""], "shrink has ''"),
    (("qat", "formats", "shrink"), ["ap_fixed<62,2>", "ap_fixed<8,3>", PIXELS, "2"], "2 to 16"),
    (("qat", "formats", "shrink"), ["ap_fixed<8,999>", "ap_fixed<8,3>", PIXELS], "shrink"),
    (("qat", "formats", "shrink"), ["int8", "ap_fixed<8,3>", PIXELS], "not a format"),
    (("qat", "formats", "shrink"), ["ap_fixed<8,2>", "ap_fixed<8,3>", PIXELS, "x"], "digits"),
    (("qat", "formats", "shrink"), ["ap_fixed<8,2>", "ap_fixed<8,3>", PIXELS, "", "9"], "digits"),
    (("qat", "formats", "shrink"), ["ap_fixed<8,2>", "ap_fixed<8,3>", PIXELS, "", "2", "2"],
     "is a list"),
    (("qat", "formats", "shrink"), [b"ap_fixed<8,2>", "ap_fixed<8,3>", PIXELS], "_codecs encode"),
]


@pytest.mark.parametrize(("path", "value", "says"), WRONG)
def test_what_is_wrong_is_said_with_its_key(tmp_path, path, value, says):
    path = written(tmp_path, change(path, value))
    with pytest.raises(ModelError, match=says) as caught:
        load_qat(path)
    assert "w.pth" in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("key", ["act.shrink.weight", "deconv.bias"])
def test_what_is_missing_is_said(tmp_path, key):
    content = weights()
    del content["float"][key]
    with pytest.raises(ModelError, match=f"no {key}"):
        store.load(written(tmp_path, content))


@pytest.mark.parametrize("content", [[1], 7, {}, {"a": torch.ones(1), "b": 3}, {1: torch.ones(1)},
                                     torch.ones(2), None, {"a": {"float": torch.ones(1)}}])
def test_what_is_no_dictionary_of_weights_is_refused(tmp_path, content):
    with pytest.raises(ModelError, match=r"w\.pth"):
        store.load(written(tmp_path, content))


def leaves(content, path=()):
    """Every place of a content, dictionaries too."""
    for key, value in content.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


TENSORS = st.sampled_from([
    torch.ones(1), torch.tensor(float("nan")), torch.ones(2, 1, 1, 1) * 1e30, torch.ones(0),
    torch.ones(2, 1, 1, 1).to(torch.float16), torch.zeros(2, dtype=torch.int32),
    torch.nn.Parameter(torch.ones(2)), torch.full((2,), -1e30), torch.ones(1).expand(1 << 45)])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), TENSORS,
              st.binary(max_size=3), st.sampled_from(["ap_fixed<9,2>", "ap_fixed<2,64>", "w"])),
    lambda inner: st.one_of(st.lists(inner, max_size=4),
                            st.dictionaries(st.text(max_size=4), inner, max_size=3),
                            st.dictionaries(st.integers(), inner, max_size=2)), max_leaves=5)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(sorted(leaves(weights()))), value=VALUES)
def test_whatever_stands_somewhere_is_read_or_refused(tmp_path_factory, path, value):
    """Nothing but an error of ours, or a network that keeps the number contract."""
    path = written(tmp_path_factory.getbasetemp(), change(path, value))
    try:
        to_network(load_qat(path))
        store.load(path)
        export(path, path.parent)
    except FsrcnnxError as error:
        assert len(str(error)) < 700


def test_a_dictionary_with_attributes_for_methods_is_one(tmp_path):
    content = weights()
    state = OrderedDict(content["float"])
    state.keys = state.values = state.get = state._metadata = "none"
    content["float"] = state
    assert store.load(written(tmp_path, content)).name == NAME


def test_an_interrupted_quantisations_file_is_not_exported(tmp_path):
    path = written(tmp_path, weights(complete=False))
    with pytest.raises(ModelError, match="interrupted quantisation.*it goes on"):
        export(path, tmp_path)
    assert [made.name for made in tmp_path.iterdir()] == ["w.pth"]
    store.complete(path)
    assert export(path, tmp_path).name == NAME


def test_a_folder_that_takes_only_some_of_an_export_gets_none(tmp_path, monkeypatch):
    path = written(tmp_path, weights())
    (tmp_path / "out").mkdir()

    def full(*_):
        raise InputError("cannot be written (No space left on device)", where="b/model_float.onnx")
    monkeypatch.setattr("fsrcnnx.learn.quantising.export.onnx_io.save_float", full)
    with pytest.raises(InputError, match="out/model_float.onnx: cannot be written"):
        export(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_signal_does_not_tear_an_export(tmp_path, monkeypatch):
    path, replace = written(tmp_path, weights()), os.replace
    (tmp_path / "out").mkdir()

    def stopped(*args):
        replace(*args)
        if args[1].parent.name == "out":
            os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr("fsrcnnx.learn.quantising.export.os.replace", stopped)
    with stoppable(), pytest.raises(KeyboardInterrupt):
        export(path, tmp_path / "out")
    assert sorted(made.name for made in (tmp_path / "out").iterdir()) == sorted(NAMES)


def rewritten(path, change, **options):
    """The zip archive at a path, its entries changed."""
    data = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(path, "w", **options) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return path


def test_an_archive_that_unpacks_to_more_is_refused(tmp_path):
    path = written(tmp_path, {"float": {"a": torch.zeros(1 << 20)}})
    rewritten(path, lambda name, data: data, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10000
    with pytest.raises(ModelError, match=r"w\.pth: not a weights file.*compressed"):
        store.load(path)


def test_a_storage_that_claims_more_than_it_is_is_refused(tmp_path):
    claim = b"J" + struct.pack("<i", 1 << 30)
    path = rewritten(written(tmp_path, {"a": torch.zeros(4)}), lambda name, data: data.replace(
        b"K\x04", claim) if name.endswith(".pkl") else data)
    with pytest.raises(ModelError, match="not a weights file"):
        store.load(path)


def test_a_damaged_tensor_is_refused(tmp_path):
    path = written(tmp_path, weights())
    data = bytearray(path.read_bytes())
    data[data.index(torch.tensor(0.5).numpy().tobytes())] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="damaged at"):
        store.load(path)


@pytest.mark.parametrize("content", [
    torch.sparse_coo_tensor([[0], [0]], [1.0], (1 << 20, 1 << 20)), bytearray(9), {1, 2},
    torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8), 1j, torch.device("cpu"),
    torch.empty(9, device="meta")])
def test_what_is_neither_plain_data_nor_dense_is_refused(tmp_path, content):
    with pytest.raises(ModelError, match=r"no torch file of plain data \(holds "):
        store.load(written(tmp_path, {"float": content}))


def test_code_is_refused_without_running_it(tmp_path):
    class Touch:
        def __reduce__(self):
            return open, (str(tmp_path / "touched"), "w")
    for legacy in (True, False):
        torch.save({"float": Touch()}, tmp_path / "w.pth", _use_new_zipfile_serialization=legacy)
        with pytest.raises(ModelError, match="no torch file of plain data"):
            store.load(tmp_path / "w.pth")
    assert not (tmp_path / "touched").exists()


def test_files_of_older_torch_are_read(tmp_path):
    content = weights()
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    read = store.load(tmp_path / "w.pth").state_dict()
    assert all(torch.equal(read[key], value) for key, value in content["float"].items())


def test_a_large_file_is_refused_unread(tmp_path, monkeypatch):
    path = written(tmp_path, weights())
    monkeypatch.setattr(limits, "MODEL_BYTES", 100)
    with pytest.raises(ModelError, match="too large; allowed: up to 100 bytes"):
        store.load(path)


def test_what_is_written_does_not_depend_on_the_file(tmp_path):
    for name in ("a.pth", "b.pth"):
        torchfile.save(weights(), tmp_path / name)
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "b.pth").read_bytes()
    assert store.load(tmp_path / "a.pth").name == NAME


def test_a_full_disk_is_said_in_plain_words_and_leaves_the_old_file(tmp_path, full_disk):
    torchfile.save({}, tmp_path / "w.pth")
    with full_disk(3000), pytest.raises(InputError, match=r"w\.pth: cannot be written \(File too"):
        torchfile.save(weights(), tmp_path / "w.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["w.pth"]
    assert torchfile.read(tmp_path / "w.pth", 1 << 20) == {}


def archive(content):
    """A zip archive of torch's, as bytes."""
    data = io.BytesIO()
    torch.save(content, data)
    return data.getvalue()


def old_file(content):
    """The same content as torch wrote it before 1.6."""
    data = io.BytesIO()
    torch.save(content, data, _use_new_zipfile_serialization=False)
    return data.getvalue()


@pytest.mark.parametrize(("content", "message"), [
    (bytearray(1 << 10), "holds (builtins|__builtin__) bytearray"), (weights(), "behind its end")])
def test_a_pickle_with_an_archive_behind_it_is_no_archive(tmp_path, content, message):
    """Zip readers look at the end of a file, torch at its first bytes."""
    (tmp_path / "w.pth").write_bytes(old_file(content) + archive(weights()))
    with pytest.raises(InputError, match=message):
        torchfile.read(tmp_path / "w.pth", limits.MODEL_BYTES)


def test_what_torch_reads_of_two_archives_is_what_was_looked_at(tmp_path):
    first, last = archive({"a": bytearray(1 << 10)}), archive({"a": 7})
    start = struct.unpack("<I", first[-6:-2])[0]
    # a directory of the first, where a reader goes that trusts the offset in the last's end
    torn = first + last[:-6] + struct.pack("<I", start) + last[-2:]
    for data in (first + last, torn):
        (tmp_path / "w.pth").write_bytes(data)
        try:
            assert torchfile.read(tmp_path / "w.pth", limits.MODEL_BYTES) == {"a": 7}
        except InputError as error:
            assert "no torch file of plain data" in str(error)


@pytest.mark.parametrize("name", ["archive/data.PKL", "archive/DATA.pkl"])
def test_a_pickle_by_any_spelling_of_its_name_is_looked_at(tmp_path, name):
    path = written(tmp_path, {"a": bytearray(1 << 10)})
    data = path.read_bytes()
    old = next(entry for entry in zipfile.ZipFile(path).namelist() if entry.endswith("data.pkl"))
    path.write_bytes(data.replace(old.encode(), old[:-8].encode() + name[-8:].encode()))
    with pytest.raises(InputError, match="holds builtins bytearray|holds __builtin__ bytearray"):
        torchfile.read(path, limits.MODEL_BYTES)


def test_want_of_memory_is_not_said_to_be_the_files(tmp_path, monkeypatch):
    def out(*_, **__):
        raise MemoryError
    monkeypatch.setattr(torch, "load", out)
    with pytest.raises(MemoryError):
        torchfile.read(written(tmp_path, weights()), limits.MODEL_BYTES)
