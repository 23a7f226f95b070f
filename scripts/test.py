#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upscale one picture after shrinking it, with the seed's command line.

    python scripts/test.py --weights-file x2_best.pth --image-file photo.png --scale 2

Writes photo_bicubic_x2.png and photo_fsrcnn-x_x2.png beside the picture and prints their PSNR.
"""

import click
from _seed import option, run

from fsrcnnx.cli.options import FILE, NumberRange
from fsrcnnx.learn.data import PROTOCOLS
from fsrcnnx.learn.evaluate import compare


@click.command()
@option("weights-file", required=True, type=FILE, help="Weights of train.py, or of others: a "
        "checkpoint of FSRCNN, SRCNN, ESPCN and others, or the same as float ONNX.")
@option("image-file", required=True, type=FILE, help="HR picture.")
@option("scale", type=int, default=2, show_default=True)
@option("protocol", type=click.Choice(list(PROTOCOLS)), default="seed", show_default=True,
        help="Pillow's downscale, no shave (seed), or MATLAB's, scale pixels shaved (paper).")
@option("slope", type=NumberRange(-16, 16), help="Of activations that a checkpoint of others does "
        "not hold.  [default: 0, ReLU; of an ESPCN it has to be said]")
def main(**settings):
    """Shrink a picture, upscale it by bicubic and by the network, compare with the original."""
    for path, value in compare(**settings):
        click.echo(f"{path}: {value:.2f} dB ({settings['protocol']} protocol)")


if __name__ == "__main__":
    run(main)
