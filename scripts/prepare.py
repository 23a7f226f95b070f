#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures to HDF5, with the seed's command line.

    python scripts/prepare.py --images_dir DIR --output_path train.h5 --scale 2 [--with-aug]
    python scripts/prepare.py --images_dir DIR --output_path eval.h5 --scale 2 --eval
"""

import click
from _seed import option, run

from fsrcnnx.cli.options import FILE
from fsrcnnx.files import made
from fsrcnnx.learn import data


@click.command()
@option("images-dir", required=True, type=FILE, help="Folder of pictures, with its subfolders.")
@option("output-path", required=True, type=FILE, help="HDF5 file to write.")
@option("scale", type=int, default=2, show_default=True)
@option("with-aug", is_flag=True, help="Add each picture at 0.9, 0.8, 0.7 and 0.6 of its size.")
@option("eval", is_flag=True, help="Whole pictures for evaluation instead of patches.")
@option("holdout", type=int, default=0, show_default=True,
        help="Every N-th picture is kept for the --eval file; 0: none.")
@option("protocol", type=click.Choice(list(data.PROTOCOLS)), default="paper", show_default=True,
        help="Downscale: MATLAB's (paper) or Pillow's (seed).")
def main(images_dir, output_path, scale, with_aug, eval, holdout, protocol):
    """Turn a folder of pictures into one HDF5 file."""
    with made(output_path.parent):
        count = data.prepare(images_dir, output_path, scale, augment=with_aug, evaluation=eval,
                             holdout=holdout, protocol=protocol)
    click.echo(f"{output_path}: {count} {'pictures' if eval else 'patches'}")


if __name__ == "__main__":
    run(main)
