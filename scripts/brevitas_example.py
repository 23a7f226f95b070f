#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build, train and export a small FSRCNN with Brevitas, then import it and verify it bit for bit.

    python scripts/brevitas_example.py -o build/brevitas      # some minutes; --steps 0: seconds

What makes a Brevitas network one of this family: the pixels enter and leave in 8 bits unsigned of
scale 2^-8 (Pixel below), every weight and feature map has a power-of-two scale ("FixedPoint"),
and there is a QuantIdentity after every activation. Bias and PReLU slopes may stay in float:
`fsrcnnx import` quantises them. Needs the extra `brevitas`.
"""

import contextlib
import io
import logging
import tempfile
import warnings
from pathlib import Path

import click
import numpy as np
from _seed import run
from tqdm import tqdm

from fsrcnnx.cli import main as cli
from fsrcnnx.cli.console import outcome
from fsrcnnx.cli.options import FILE
from fsrcnnx.errors import CheckError, ToolError
from fsrcnnx.media.imaging import read_picture, shrink
from fsrcnnx.report.demo import photograph

HR_PATCH = 32


def build(channels: int, maps: int, per_channel: bool):
    """Make the network: feature 3x3, `maps` times 3x3, deconvolution 3x3 stride 2."""
    import brevitas.nn as qnn
    from brevitas.inject.enum import ScalingImplType
    from brevitas.quant import fixed_point
    from torch import nn

    class Pixel(fixed_point.Uint8ActPerTensorFixedPoint):
        """Luma in and out: 8 bits unsigned, 1 is 256 steps."""

        scaling_impl_type = ScalingImplType.CONST
        scaling_init = 1.0

    weight = (fixed_point.Int8WeightPerChannelFixedPoint if per_channel
              else fixed_point.Int8WeightPerTensorFixedPoint)
    net = nn.Sequential()
    net.add_module("pixel", qnn.QuantIdentity(act_quant=Pixel))
    names = ["feature", *(f"map{i + 1}" for i in range(maps))]
    for index, name in enumerate(names):
        net.add_module(name, qnn.QuantConv2d(channels if index else 1, channels, 3, padding=1,
                                             weight_quant=weight))
        net.add_module(f"{name}_act", nn.PReLU(channels))
        net.add_module(f"{name}_quant", qnn.QuantIdentity(
            act_quant=fixed_point.Int8ActPerTensorFixedPoint))
    net.add_module("deconv", qnn.QuantConvTranspose2d(
        channels, 1, 3, stride=2, padding=1, output_padding=1, weight_quant=weight))
    net.add_module("hr", qnn.QuantIdentity(act_quant=Pixel))
    return net


def train(net, steps: int, rng: np.random.Generator) -> None:
    """Train on patches of one photograph; without steps only measure the maps' ranges."""
    import torch

    luma = read_picture(photograph()).luma
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in (view := tqdm(range(max(steps, 8)), desc="train", leave=False, disable=None)):
        at = rng.integers(0, np.array(luma.shape) - HR_PATCH, (16, 2))
        hr = np.stack([luma[y:y + HR_PATCH, x:x + HR_PATCH] for y, x in at])
        lr = np.stack([shrink(patch, 2) for patch in hr])
        lr, hr = (torch.tensor(p[:, None] / 256, dtype=torch.float32) for p in (lr, hr))
        loss = ((net(lr) - hr) ** 2).mean()
        if steps:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        view.set_postfix_str(f"mean squared error {loss.item():.5f}")


def export(net, path: Path) -> None:
    """Write the QONNX file, without the exporters' chatter and the stack traces of every node."""
    import onnx
    import torch
    from brevitas.export import export_qonnx

    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / path.name
        export_qonnx(net.eval(), args=torch.zeros(1, 1, 8, 8), export_path=str(given))
        model = onnx.load(given)
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.save(model, path)


@click.command()
@click.option("-o", "--output", type=FILE, default=Path("build/brevitas"))
@click.option("--steps", type=int, default=2000, show_default=True, help="0: no training.")
@click.option("--channels", type=int, default=8, show_default=True)
@click.option("--maps", type=int, default=1, show_default=True, help="3x3 layers in the middle.")
@click.option("--per-channel", is_flag=True, help="One weight scale per channel.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--rungs", default="qonnx,uint8-onnx,golden", show_default=True,
              help="What is compared; add rtl for Verilator.")
@click.option("--export-only", is_flag=True, help="Stop after brevitas.onnx.")
def main(output, steps, channels, maps, per_channel, seed, rungs, export_only):
    """Build, train, export, import, verify."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        import brevitas.nn  # noqa: F401
        import torch
    except ImportError as error:
        raise ToolError(f"{error.name} is not installed", where="brevitas_example",
                        fix="pip install -c constraints.txt -e '.[learn,brevitas]'") from None

    torch.manual_seed(seed)
    output.mkdir(parents=True, exist_ok=True)
    net = build(channels, maps, per_channel)
    train(net, steps, np.random.default_rng(seed))
    export(net, output / "brevitas.onnx")
    click.echo(f"{output / 'brevitas.onnx'}: exported by Brevitas")
    if export_only:
        return
    folder = output / "model"
    for command in (["import", output / "brevitas.onnx", "-o", folder],
                    ["verify", folder / "model.onnx", "--rungs", rungs]):
        code = outcome(cli.main, [str(word) for word in command])
        if code:
            raise CheckError(f"fsrcnnx {command[0]} ended with code {code}", where=str(output))


if __name__ == "__main__":
    run(main)
