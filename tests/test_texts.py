"""Texts of model files and manifests: refused in one line, or without any trace in what is made.

Every text field of every reader gets newlines, quotes, ends of comments, commands of a shell,
backslashes, control and Unicode line characters, and very long text. What is generated may hold
names, which are held against a pattern of this file's own, and nothing else of a file's texts.
"""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from fsrcnnx import manifests
from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.emit.rtl import hls_top
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.errors import FsrcnnxError, InputError
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.model import shipped_weights
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.write import encode
from fsrcnnx.prove.simulation.core import read_core
from fsrcnnx.prove.synth import read_manifest
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(1), channels=(2,), kernels=(1, 3))
DATA = encode(NETWORK)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
LAYER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
VERILOG = '\ninitial $system("touch trap");\n//'
CPP = '\nstatic int trap = system("touch trap");\n//'
PIECES = ["\n", "\r", "\r\n", '"', "'", "*/", "/*", "//", "$(touch trap)", "`touch trap`", "\\",
          "\\\n", "\x00", "\x1b[31m", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\ufeff",
          "\u202e", ";", "|", "}", "]", "[exec touch trap]", "${IFS}", "%n", "{0}", "{network}",
          "..", "/", " ", "x", "`include \"/etc/passwd\"", "$readmemh", "#", "-", "é", VERILOG,
          CPP, "a" * 5000]
HOSTILE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
QUICK = settings(max_examples=12, deadline=None,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])


def one_line(error: FsrcnnxError) -> bool:
    """Whether an error is one line that prints and that a person reads."""
    line = str(error)
    return line.isprintable() and len(line) < 700


def rtl_texts(network) -> dict[str, str]:
    """Every generated file of an RTL folder."""
    with TemporaryDirectory() as temp:
        folder = Path(temp) / "rtl"
        emit(network, folder, max_width=8, max_height=8)
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="latin-1")
                for path in folder.rglob("*") if path.is_file()}


def hls_texts(network) -> str:
    """What is ours of an HLS project: settings for hls4ml, header, manifest."""
    from fsrcnnx.emit.hls import project
    from fsrcnnx.emit.hls.plan import make

    plan = make(network, 8, 8)
    config, said = project._config(plan, Path("out")), project._manifest(plan, {})
    return project.FRAME.format(**said) + json.dumps(said) + project.yaml.safe_dump(config)


def adopted(data, file):
    """Read as `import` does."""
    return adopt(data, file).network


SEEN = set()  # a network's texts are all that a file's can have become


def leaves_no_trace(network) -> None:
    """Hold what is made of a network against what is made of the same one with names alone."""
    assert NAME.fullmatch(network.name)
    assert all(LAYER.fullmatch(layer.name) for layer in network.layers)
    texts = network.name, network.content_hash(), tuple(sorted(network.meta.items()))
    if texts in SEEN:
        return
    SEEN.add(texts)
    layers = tuple(replace(layer, name=found.name)
                   for layer, found in zip(NETWORK.layers, network.layers, strict=True))
    plain = replace(NETWORK, name=network.name, layers=layers, meta={})
    assert rtl_texts(network) == rtl_texts(plain)
    try:
        want = hls_texts(plain)
    except FsrcnnxError:  # hls4ml keeps some names for itself
        return
    assert hls_texts(network) == want


def _set(path, text):
    """Set a text field by its path, e.g. graph.node[0].name."""
    def change(model):
        *way, last = re.findall(r"\w+|\[\d+\]", path)
        for step in way:
            model = model[int(step[1:-1])] if step[0] == "[" else getattr(model, step)
        setattr(model, last, text)
    return change


FIELDS = ["producer_name", "producer_version", "domain", "doc_string", "graph.name",
          "graph.doc_string", "graph.node[0].name", "graph.node[0].doc_string",
          "graph.node[5].name", "graph.node[5].op_type", "graph.node[5].domain",
          "graph.input[0].name", "graph.input[0].doc_string", "graph.output[0].name",
          "graph.initializer[0].name", "graph.initializer[0].doc_string",
          "graph.node[0].attribute[0].name", "graph.node[0].attribute[0].doc_string",
          "graph.input[0].type.tensor_type.shape.dim[0].dim_param",
          "graph.input[0].type.denotation", "opset_import[0].domain", "opset_import[1].domain",
          *(f"metadata_props[{at}].{part}" for at in range(4) for part in ("key", "value"))]


def rename(model, old: str, new: str) -> None:
    """Give a tensor or node another name, wherever it is used."""
    for values in (model.graph.input, model.graph.output, model.graph.initializer):
        for value in values:
            if value.name == old:
                value.name = new
    for node in model.graph.node:
        if node.name == old:
            node.name = new
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                if name == old:
                    names[at] = new


@pytest.mark.parametrize("field", FIELDS)
@QUICK
@given(text=HOSTILE, read=st.sampled_from((decode, adopted)), ours=st.booleans())
@example(text=VERILOG, read=decode, ours=True)
@example(text=CPP, read=decode, ours=False)
def test_a_field_of_an_onnx_file_leaves_no_trace(field, text, read, ours):
    model = onnx.load_model_from_string(DATA)
    if not ours:
        kept = [prop for prop in model.metadata_props if prop.key == "architecture"]
        assume(kept and not field.startswith("metadata_props["))
        del model.metadata_props[:]
    _set(field, text)(model)
    try:
        network = read(model.SerializeToString(), "model.onnx")
    except FsrcnnxError as error:
        assert one_line(error)
    else:
        leaves_no_trace(network)


@pytest.mark.parametrize("old", ["lr", "hr", "conv0", "conv0_weight", "conv0_prelu", "deconv",
                                 "conv0_quant"])
@QUICK
@given(text=HOSTILE)
def test_a_tensors_name_leaves_no_trace(old, text):
    model = onnx.load_model_from_string(DATA)
    del model.metadata_props[:]
    rename(model, old, text)
    for read in (decode, adopted):
        try:
            network = read(model.SerializeToString(), "model.onnx")
        except FsrcnnxError as error:
            assert one_line(error)
        else:
            leaves_no_trace(network)


@QUICK
@given(text=HOSTILE)
def test_a_files_own_name_leaves_no_trace(text):
    model = onnx.load_model_from_string(DATA)
    del model.metadata_props[:]
    leaves_no_trace(decode(model.SerializeToString(), text))
    leaves_no_trace(adopt(model.SerializeToString(), text).network)


@QUICK
@given(st.dictionaries(HOSTILE, HOSTILE, max_size=4))
def test_metadata_leaves_no_trace(meta):
    try:
        data = encode(replace(NETWORK, meta=meta))
    except FsrcnnxError as error:
        assert one_line(error)
    else:
        network = decode(data, "model.onnx")
        assert network.meta == meta
        leaves_no_trace(network)


def test_a_planted_trace_is_caught(monkeypatch):
    from fsrcnnx.emit.rtl import package

    whole = package.package
    monkeypatch.setattr("fsrcnnx.emit.rtl.folder.package", lambda plan: whole(
        plan) + f"// {plan.network.meta.get('psnr', '')}\n")
    with pytest.raises(AssertionError):
        leaves_no_trace(replace(NETWORK, name="planted", meta={"psnr": VERILOG}))


@pytest.mark.slow
def test_a_whole_hls_project_holds_names_alone_and_keywords_are_good_names(tmp_path):
    from fsrcnnx.emit.hls.folder import emit as emit_hls
    from fsrcnnx.exact import golden
    from fsrcnnx.prove.hls.frames import simulate

    words = ("int", "module")  # hls4ml makes int_weight_t of them
    layers = tuple(replace(layer, name=word)
                   for layer, word in zip(NETWORK.layers, words, strict=True))
    plain = replace(NETWORK, layers=layers)
    for name, network in (("plain", plain), ("told", replace(plain, meta={"psnr": CPP}))):
        emit_hls(network, tmp_path / name, width=6, height=5)
    files = [path.relative_to(tmp_path / "plain") for path in (tmp_path / "plain").rglob("*")]
    assert len(files) > 20
    for file in files:
        if (tmp_path / "plain" / file).is_file():
            assert (tmp_path / "told" / file).read_bytes() == (
                tmp_path / "plain" / file).read_bytes(), file
    lr = np.random.default_rng(2).integers(0, 256, (5, 6), dtype=np.uint8)
    assert (simulate(plain, [lr]).frames[0] == golden.run(plain, lr)).all()


# --- the attack --------------------------------------------------------------------------------


def renamed(data: bytes, name: str) -> bytes:
    """A file with another architecture in its metadata, which no hash covers."""
    model = onnx.load_model_from_string(data)
    next(p for p in model.metadata_props if p.key == "architecture").value = name
    return model.SerializeToString()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder to run commands in."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save("a.png")
    return tmp_path


@pytest.mark.parametrize("code", [VERILOG, CPP], ids=["SystemVerilog", "C++"])
@pytest.mark.parametrize("args", [
    ["upscale", "a.png", "--engine", "rtl", "-o", "b.png"],
    ["upscale", "a.png", "--engine", "rtl", "--sim", "icarus", "-o", "b.png"],
    ["upscale", "a.png", "--engine", "hls", "-o", "b.png"],
    ["verify"], ["rtl", "-o", "out"], ["hls", "-o", "out", "--width", "4", "--height", "4"],
    ["import", "-o", "out"], ["ranges"],
], ids=lambda args: "-".join(args[:1] + args[2:4]))
def test_code_in_a_models_name_does_not_run(home, capsys, args, code):
    (home / "evil.onnx").write_bytes(renamed(DATA, f"fsrcnn-x_x2{code}"))
    model = ["--model", "evil.onnx"] if args[0] == "upscale" else ["evil.onnx"]
    assert console.outcome(cli.main, [args[0], *model, *args[1:]]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "a network name that cannot be one; allowed: letters, digits" in said
    assert {path.name for path in home.iterdir()} == {"a.png", "evil.onnx"}


@pytest.mark.parametrize("key", ["label", "name"])
def test_code_in_a_weights_files_texts_does_not_run(home, capsys, key):
    torch = pytest.importorskip("torch")
    content = torch.load(shipped_weights("fsrcnn-s_x2"), weights_only=True)
    torch.save({**content, key: f"fsrcnn-s_x2{VERILOG}"}, home / "weights.pth")
    assert console.outcome(cli.main, ["export", "weights.pth"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert {path.name for path in home.iterdir()} == {"a.png", "weights.pth"}


# --- manifests and lists -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """An emitted folder."""
    folder = tmp_path_factory.mktemp("core") / "rtl"
    emit(NETWORK, folder, max_width=8, max_height=8)
    return folder


VALUES = st.one_of(HOSTILE, st.none(), st.booleans(), st.floats(), st.integers(),
                   st.lists(HOSTILE, max_size=2), st.dictionaries(HOSTILE, HOSTILE, max_size=2),
                   st.integers(10**9, 10**30))
USED = ("network", "content_hash", "scale", "prescale", "cycles_per_pixel", "max_width",
        "max_height", "in_format", "out_format", "layers", "files")


@pytest.mark.parametrize("key", USED)
@QUICK
@given(value=VALUES)
def test_a_value_of_a_cores_manifest_is_held(core, key, value):
    with TemporaryDirectory() as temp:
        folder = Path(shutil.copytree(core, Path(temp) / "rtl"))
        path = folder / "manifest.json"
        before = json.loads(path.read_text())
        path.write_text(json.dumps({**before, key: value}))
        for read in (read_core, read_manifest):
            try:
                read(folder)
            except FsrcnnxError as error:
                assert one_line(error)
            else:
                assert holds(key, value)


def holds(key, value):
    """Whether a value that was taken may be one: of a type, in a range, a name."""
    if key == "network":
        return NAME.fullmatch(value)
    if key in ("layers", "files"):
        return value == []
    return type(value) is int and 0 < value < 1 << 31


@pytest.mark.parametrize("key", ["network", "content_hash", "top", "width", "height", "scale",
                                 "in_format", "out_format", "prescale"])
@QUICK
@given(value=VALUES)
def test_a_value_of_a_projects_manifest_is_held(key, value):
    good = {"network": "a_x2", "content_hash": "ab" * 32, "top": "fsrcnnx_hls", "width": 6,
            "height": 4, "scale": 2, "in_format": "ap_ufixed<8,0>", "out_format": "ap_ufixed<8,0>"}
    with TemporaryDirectory() as temp:
        made = Path(temp) / "verilog"
        made.mkdir()
        try:
            hls_top.wrap(made, {**good, key: value}, Path(temp) / "rtl")
        except FsrcnnxError as error:
            assert one_line(error)
            if "files with module" not in str(error):  # the manifest passed
                return
        assert value in ("x", "a" * 5000) or holds(key, value) or (
            key == "top" and LAYER.fullmatch(value))


NAMES = ["a b.sv", "a;b.sv", "/etc/passwd", "../fsrcnnx_pkg.sv", "mem/../fsrcnnx_pkg.sv", "-Wall",
         "+incdir+/etc", "`x`", "$(touch trap)", "a\x00.sv", "a\u2028.sv",
         "fsrcnnx_pkg.sv fsrcnnx_top.sv", "a\x0bb.sv", "no.sv", ".", "a" * 300,
         "*", "test", "fsrcnnx_pkg.sv; shell touch trap"]


@pytest.mark.parametrize("name", NAMES)
def test_a_list_names_plain_files_of_its_folder(core, tmp_path, name):
    folder = Path(shutil.copytree(core, tmp_path / "rtl"))
    (folder / "files.f").write_text(f"fsrcnnx_pkg.sv\n{name}\n", newline="")
    for read in (read_core, manifests.sources):
        with pytest.raises(InputError, match="is missing|file name|not an emitted core") as caught:
            read(folder)
        assert one_line(caught.value)


def test_a_source_that_lies_elsewhere_is_refused(core, tmp_path):
    folder = Path(shutil.copytree(core, tmp_path / "rtl"))
    (tmp_path / "secret.sv").write_text("")
    (folder / "a.sv").symlink_to(tmp_path / "secret.sv")
    (folder / "files.f").write_text("a.sv\n")
    with pytest.raises(InputError, match=r"a.sv is a link out of the folder"):
        manifests.sources(folder)


@pytest.mark.parametrize("call", ['$readmemh("a.hex", rom);', "$readmemb (FILE, rom);"])
def test_a_source_that_reads_a_memory_is_refused(core, tmp_path, call):
    folder = Path(shutil.copytree(core, tmp_path / "rtl"))
    (folder / "a.sv").write_text(f"module a;\n  initial {call}\nendmodule\n")
    (folder / "files.f").write_text("fsrcnnx_pkg.sv\na.sv\n")
    to = tmp_path / "to"
    to.mkdir()
    for read in (manifests.sources, read_core, lambda core: manifests.copy_sources(core, to)):
        with pytest.raises(InputError, match=r"a.sv: .*reads a memory.*fix: "):
            read(folder)
    assert not any(to.iterdir())


@pytest.mark.parametrize(("text", "message"), [
    ("[" * 10**5, "not a manifest"), ("{", "not a manifest"), ("[]", "it lacks"), ("", "not a man"),
    ("\xff", "not a manifest"), (f'{{"scale": {"9" * 5000}}}', "not a manifest"),
    ("{}", "it lacks"),
])
def test_what_is_no_manifest_is_one_line(core, tmp_path, text, message):
    folder = Path(shutil.copytree(core, tmp_path / "rtl"))
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    for read in (read_core, read_manifest):
        with pytest.raises(InputError, match=message) as caught:
            read(folder)
        assert one_line(caught.value)


def test_a_manifest_without_end_is_not_read(core, tmp_path):
    folder = Path(shutil.copytree(core, tmp_path / "rtl"))
    with (folder / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="1099511627776 bytes, too large; allowed: up to"):
        read_manifest(folder)
