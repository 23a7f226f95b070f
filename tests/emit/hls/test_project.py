"""The HLS project: complete, described, repeatable, and never half written."""

import json
import os
import re
import time

import numpy as np
import pytest

from fsrcnnx.emit.hls import layers
from fsrcnnx.emit.hls.fifos import depths, lag
from fsrcnnx.emit.hls.folder import emit
from fsrcnnx.emit.hls.stages import lay_out
from fsrcnnx.errors import InputError
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(7), channels=(4, 3), kernels=(3, 1, 3))


def test_the_folder_is_complete(tmp_path):
    told = emit(NETWORK, tmp_path / "hls", width=9, height=6)
    folder = tmp_path / "hls"
    assert json.loads((folder / "manifest.json").read_text()) == told
    assert told["content_hash"] == NETWORK.content_hash()
    assert (told["width"], told["height"], told["scale"]) == (9, 6, 2)
    for name in ("build_prj.tcl", "project.tcl", "fsrcnnx_hls_test.cpp", "fsrcnnx_frame.h",
                 "firmware/fsrcnnx_hls.cpp", "firmware/parameters.h", "firmware/defines.h",
                 "firmware/nnet_utils/fsrcnnx_prelu_stream.h",
                 "firmware/nnet_utils/fsrcnnx_depth_to_space_stream.h"):
        assert (folder / name).is_file(), name
    top = (folder / "firmware" / "fsrcnnx_hls.cpp").read_text()
    assert "INTERFACE axis port=lr,hr" in top and "#pragma HLS DATAFLOW" in top
    streams = told["fifo_depths"]
    assert all(f"variable={name} depth={depth}\n" in top for name, depth in streams.items())
    assert top.count("#pragma HLS STREAM") == len(streams) and max(streams.values()) == 3


def test_the_anchors_stream_is_the_deep_one(tmp_path):
    net = random_network(np.random.default_rng(2), anchor=True)
    stages = lay_out(net, 9, 6)
    told = emit(net, tmp_path / "hls", width=9, height=6)["fifo_depths"]
    text = (tmp_path / "hls" / "firmware" / "fsrcnnx_hls.cpp").read_text()
    stream = re.search(r"fsrcnnx::anchor<.*>\((\w+), (\w+), (\w+)\);", text)
    assert told.pop(stream[2]) == depths(stages, 9)["deconv_anchor"] == lag(stages, 9) + 82
    assert max(told.values()) == 4


def test_nothing_depends_on_when_and_where(tmp_path):
    for name in "ab":
        emit(NETWORK, tmp_path / name / "hls", width=9, height=6, strategy="distributed_arithmetic")
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) > 50
    for path in files:
        text = path.read_bytes()
        assert text == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path
        assert str(tmp_path).encode() not in text, path


@pytest.mark.parametrize("strategy", ["latency", "distributed_arithmetic"])
def test_only_the_size_depends_on_the_size(tmp_path, strategy):
    """hls4ml's own passes would take gigabytes for the larger one."""
    for width, height in ((9, 6), (3840, 2160)):
        start = time.process_time()
        emit(NETWORK, tmp_path / f"{width}", width=width, height=height, strategy=strategy)
        print(f"{strategy} {width}x{height}: {time.process_time() - start:.2f} s")
    for path in (tmp_path / "9" / "firmware").rglob("*"):
        if path.is_file() and path.name not in ("parameters.h", "fsrcnnx_hls.cpp"):
            other = tmp_path / "3840" / path.relative_to(tmp_path / "9")
            assert path.read_bytes() == other.read_bytes(), path


def test_a_project_gives_way_and_another_folder_does_not(tmp_path):
    emit(NETWORK, tmp_path / "hls", width=9, height=6)
    assert emit(NETWORK, tmp_path / "hls", width=8, height=6)["width"] == 8
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match="in the way"):
        emit(NETWORK, tmp_path / "mine", width=8, height=6)
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]
    assert sorted(os.listdir(tmp_path)) == ["hls", "mine"]


@pytest.mark.parametrize(("options", "said"), [
    ({"width": 0}, "--width"), ({"strategy": "fast"}, "--strategy"), ({"reuse": 0}, "--reuse"),
    ({"reuse_of": {"conv9": 1}}, "no layer conv9"), ({"clock": 0.0}, "--clock")])
def test_options_out_of_range_are_named(tmp_path, options, said):
    with pytest.raises(InputError, match=f"{said}.*allowed"):
        emit(NETWORK, tmp_path / "hls", **{"width": 9, "height": 6, **options})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: nothing can be made in it"):
        emit(NETWORK, tmp_path / "file" / "hls", width=9, height=6)


def test_registering_twice_does_nothing():
    layers.register()
    layers.register()
