#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time an HLS project of ours against plain hls4ml: convert, compile with g++, predict a frame.

Plain hls4ml gets the same network as far as it can convert one: ReLU instead of PReLU per channel,
and a convolution with one channel per output phase instead of the deconvolution. Its g++ flags are
its own (-O3); ours are those of `fsrcnnx verify` for a frame of this size.

    python scripts/bench_hls.py --width 240 --height 136      # or: make bench-hls
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fsrcnnx.emit.hls.folder import emit
from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.builds.home import VARIABLE
from fsrcnnx.prove.hls import csim

FRAMES = 3


def cpu() -> float:
    """CPU seconds of this process and of those that it started: other load does not count."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def plain(of: Model, width: int, height: int) -> onnx.ModelProto:
    """Turn a QONNX file into what stock hls4ml converts, at one frame size."""
    model = onnx.load(of.path)
    graph, scale = model.graph, of.network.scale
    arrays = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "PRelu":
            node.op_type = "Relu"
            del node.input[1:]
        elif node.op_type == "ConvTranspose":
            weight, bias = (next(n for n in graph.node if n.output[0] == name).input[0]
                            for name in node.input[1:])
            old = numpy_helper.to_array(arrays[weight])        # (in, 1, k, k)
            new = np.repeat(old[:, :, :2, :2].transpose(1, 0, 2, 3), scale**2, 0)
            arrays[weight].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(new), weight))
            arrays[bias].CopyFrom(numpy_helper.from_array(
                np.repeat(numpy_helper.to_array(arrays[bias]), scale**2), bias))
            node.op_type = "Conv"
            del node.attribute[:]
            node.attribute.extend([helper.make_attribute(key, value) for key, value in (
                ("kernel_shape", [2, 2]), ("pads", [0, 0, 1, 1]), ("strides", [1, 1]),
                ("dilations", [1, 1]), ("group", 1))])
    del graph.value_info[:]
    for value, channels in ((graph.input[0], 1), (graph.output[0], scale**2)):
        value.CopyFrom(helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT,
                                                     [1, channels, height, width]))
    unused = {name for node in graph.node for name in node.output} - {
        name for node in graph.node for name in node.input} - {graph.output[0].name}
    for node in [node for node in graph.node if unused & set(node.output)]:
        graph.node.remove(node)
    return model


def bench_plain(of: Model, width: int, height: int, frame: np.ndarray,
                folder: Path) -> tuple[float, float, float]:
    """Seconds of qonnx passes and conversion, of compiling, of one prediction."""
    import hls4ml
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    from qonnx.util.cleanup import cleanup_model

    start = cpu()
    wrapper = cleanup_model(ModelWrapper(plain(of, width, height)))
    wrapper = wrapper.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    wrapper = cleanup_model(wrapper.transform(GemmToMatMul()))
    config = hls4ml.utils.config_from_onnx_model(wrapper, granularity="name", backend="Vitis",
                                                 default_precision="fixed<24,8>")
    model = hls4ml.converters.convert_from_onnx_model(
        wrapper, output_dir=str(folder / "plain"), backend="Vitis", io_type="io_stream",
        hls_config=config)
    converted = cpu()
    model.compile()
    compiled, seconds = cpu(), []
    for _ in range(FRAMES):
        begun = time.perf_counter()
        model.predict((frame / 256.0)[None, :, :, None])
        seconds.append(time.perf_counter() - begun)
    return converted - start, compiled - converted, min(seconds)


def bench_ours(of: Model, width: int, height: int, frame: np.ndarray,
               folder: Path) -> tuple[float, float, float]:
    """The same of ours; the prediction must equal golden."""
    start = cpu()
    network = Model(of.path).network  # read anew, for this is timed
    emit(network, folder / "ours", width=width, height=height)
    converted = cpu()
    os.environ[VARIABLE] = str(folder / "cache")
    project = csim.build(folder / "ours")
    compiled = cpu()
    found = csim.predict(project, [frame] * FRAMES)
    if (found.frames[0] != golden.run(network, frame)).any():
        raise SystemExit("the prediction differs from golden")
    return converted - start, compiled - converted, min(found.seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="fsrcnn-x_x2")
    parser.add_argument("--width", type=int, default=240)
    parser.add_argument("--height", type=int, default=136)
    options = parser.parse_args()
    size = (options.width, options.height)
    frame = np.random.default_rng(1).integers(0, 256, size[::-1], dtype=np.uint8)
    model = Model.open(options.model)
    with tempfile.TemporaryDirectory() as temp, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = bench_plain(model, *size, frame, Path(temp))
        ours = bench_ours(model, *size, frame, Path(temp))
    print(f"{options.model}, one frame of {size[0]}x{size[1]}: CPU seconds "
          f"(predict: wall, best of {FRAMES})")
    print(f"{'':<10}{'plain hls4ml':>14}{'fsrcnnx':>10}{'ratio':>8}")
    for name, a, b in zip(("convert", "compile", "predict"), theirs, ours, strict=True):
        print(f"{name:<10}{a:>14.2f}{b:>10.2f}{b / a:>8.2f}")


if __name__ == "__main__":
    main()
