#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train the float network, with the seed's command line; the same command resumes.

    python scripts/train.py --train-file train.h5 --eval-file eval.h5 --outputs-dir out --scale 2

`torchrun --nproc-per-node 2 scripts/train.py ...` shares each batch between two processes.
"""

import click
from _seed import option, run

from fsrcnnx.cli.options import FILE
from fsrcnnx.learn.training.devices import DEVICES, assemble, workers
from fsrcnnx.learn.training.optimisers import OPTIMISERS
from fsrcnnx.learn.training.train import train
from fsrcnnx.limits import SEED


@click.command()
@option("train-file", required=True, type=FILE, help="HDF5 of prepare.py.")
@option("eval-file", required=True, type=FILE, help="HDF5 of prepare.py --eval.")
@option("outputs-dir", required=True, type=FILE, help="Weights go to x2/x2_best.pth in it.")
@option("weights-file", type=FILE, help="Weights to start from.")
@option("scale", type=int, default=2, show_default=True)
@option("optimiser", type=click.Choice(list(OPTIMISERS)), default="adam", show_default=True)
@option("teacher", type=FILE, help="Weights of a larger network; half of the loss is against it.")
@option("lr", type=float, default=3e-3, show_default=True, help="Peak of the one-cycle schedule.")
@option("batch-size", type=click.IntRange(1), default=16, show_default=True)
@option("num-epochs", type=int, default=20, show_default=True)
@option("steps", type=int, help="Steps instead of epochs.")
@option("num-workers", type=int, default=0, show_default=True,
        help="Accepted, checked and without effect: patches are in memory, no worker loads them.")
@option("device", type=click.Choice(DEVICES), default="auto", show_default=True,
        help="auto: a GPU if there is one.")
@option("seed", type=click.IntRange(-SEED, SEED), default=123, show_default=True)
def main(num_workers, device, **settings):
    """Train, or go on after an interruption."""
    with assemble(device) as team:
        team.once(lambda: workers(num_workers))
        result = train(**settings, team=team)
        if team.first:
            click.echo(f"{result.best}: {result.psnr:.2f} dB on the evaluation file")


if __name__ == "__main__":
    run(main)
