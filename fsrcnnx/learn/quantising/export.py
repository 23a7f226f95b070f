"""From quantised weights to the ONNX files: the last thing that the learning side does.

May import what learn may; the network leaves through exact.onnx.io.

    export("models/fsrcnn-x_x2/weights.pth", Path("models/fsrcnn-x_x2"))
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from torch import nn

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx import own as onnx_own
from fsrcnnx.files import check_apart, scratch
from fsrcnnx.interrupts import held
from fsrcnnx.learn import models, store
from fsrcnnx.learn.quantising import quantnet

NAMES = ("model.onnx", "model_uint8.onnx", "model_float.onnx")


def float_layers(model: models.Net) -> dict[str, onnx_io.FloatLayer]:
    """Read off a float network's values.

    Args:
        model: The network.

    Returns:
        Layer name -> values; weights (out, in, k, k) for conv and deconv alike.
    """
    values = {}
    for name in model.names:
        layer = getattr(model, name)
        weight, bias = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
        if isinstance(layer, nn.ConvTranspose2d):
            weight = weight.swapaxes(0, 1)
        slope = model.act[name].weight.detach().double().numpy() if name in model.act else None
        values[name] = onnx_io.FloatLayer(np.ascontiguousarray(weight), bias, slope)
    return values


def export(weights: str | Path, folder: Path, training_data: str = "") -> Network:
    """Write model.onnx, model_uint8.onnx and model_float.onnx.

    Args:
        weights: `weights.pth` written by quantisation.
        folder: Existing folder to write to.
        training_data: What the network was trained on, in words, for the files' metadata.

    Returns:
        The integer network that was written.

    Raises:
        ModelError: If the weights cannot be used or represented exactly.
        InputError: If a file cannot be written.
    """
    check_apart([folder / name for name in NAMES], [weights])
    content = store.read_weights(weights)
    if not content.get("complete", True):
        raise ModelError("what an interrupted quantisation had so far", where=str(weights),
                         allowed="the weights of one that has ended",
                         fix="run the same `quantise` again: it goes on from there")
    meta: dict[str, str] = {}  # architecture, scale and version are written by onnx.io
    for key, value in content.get("bits", {}).items():
        meta[f"{key}_bits"] = str(value)
    scores = content.get("eval_psnr", {})
    for key, value in scores.items() if isinstance(scores, dict) else ():
        meta[f"eval_psnr_{key}"] = f"{value:.3f}"
    if training_data:
        meta["training_data"] = training_data
    network = quantnet.to_network(quantnet.load_qat(weights), content.get("label"), meta)
    layers = float_layers(store.load(weights))
    onnx_own.check_replaceable(folder, NAMES)
    try:  # all three or none: they are of one network
        with scratch(folder, ".export-") as made:
            onnx_io.save(network, made / "model.onnx")
            onnx_io.save_uint8(network, made / "model_uint8.onnx")
            onnx_io.save_float(network, made / "model_float.onnx", layers)
            with held():
                for path in sorted(made.iterdir()):
                    os.replace(path, folder / path.name)
    except InputError as error:
        raise InputError(error.what, where=folder / Path(error.where).name,
                         allowed=error.allowed, fix=error.fix) from None
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=folder,
                         allowed="a writable folder", fix="choose another output") from None
    return network
