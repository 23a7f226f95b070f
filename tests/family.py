"""The networks of the family with random weights, at their own channels or at a few.

    network(np.random.default_rng(1), "fsrcnn-s", scale=3, narrow=True)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Network
from tests.networks import random_network

# name -> (channels, kernels of the convolutions, kernel of the deconvolution at scale 2, 3, 4)
# Sources: Dong et al., FSRCNN, ECCV 2016: d, s, m and a 9x9 deconvolution; SRCNN, TPAMI 2016.
# optimal-fsrcnn: sizes of its kind (few channels, small kernels), not claimed to be the published
FAMILY = {
    "fsrcnn": ((56, 12, 12, 12, 12, 12, 56), (5, 1, 3, 3, 3, 3, 1), (9, 9, 9)),
    "fsrcnn-s": ((32, 5, 5, 32), (5, 1, 3, 1), (9, 9, 9)),
    "optimal-fsrcnn": ((25, 5, 5, 25), (5, 1, 3, 1), (7, 7, 7)),
    "fsrcnn-x": ((23, 12, 12, 12, 23), (3, 1, 3, 3, 1), (3, 5, 5)),
    "fsrcnnx-a": ((16, 9, 9, 9, 9, 9, 16), (3, 1, 3, 3, 3, 3, 1), (3, 3, 5)),
    "srcnn-9-1-5": ((64, 32), (9, 1), None),
    "srcnn-9-5-5": ((64, 32), (9, 5), None),
}


def unsigned(net: Network) -> Network:
    """The same network with unsigned feature maps: negative values saturate at 0."""
    layers = tuple(replace(layer, out_format=Format(False, layer.out_format.width,
                                                    layer.out_format.frac))
                   for layer in net.layers)
    return replace(net, layers=layers).check()


def network(rng: np.random.Generator, name: str, *, scale: int = 2, narrow: bool = False,
            **options) -> Network:
    """A network of the family with random weights.

    Args:
        rng: Generator.
        name: A name of FAMILY.
        scale: Of those with a deconvolution.
        narrow: At most 3 channels instead of its own.
        options: As random_network.

    Returns:
        A checked network.
    """
    channels, kernels, deconvs = FAMILY[name]
    options = {"anchor": name == "fsrcnnx-a", **options}
    channels = tuple(min(c, 3) for c in channels) if narrow else channels
    if deconvs:
        return random_network(rng, channels=channels, kernels=(*kernels, deconvs[scale - 2]),
                              scale=scale, **options)
    # a network without deconvolution: a deconvolution of stride 1 is a convolution, turned by 180
    net = random_network(rng, channels=channels, kernels=(*kernels, 5), scale=1, **options)
    last = net.layers[-1]
    turned = replace(last, kind="conv", weight=last.weight[:, :, ::-1, ::-1].copy(),
                     out_format=PIXEL)
    return replace(net, layers=(*net.layers[:-1], turned)).check()
