"""How large what comes from a file may be, checked before anything is allocated for it.

Imports nothing. SECURITY.md lists these limits for users; a test holds the list against this file.

    if len(layers) > limits.LAYERS: ...
"""

from __future__ import annotations

MIB = 1 << 20

# networks: several times the largest of the family (SRCNN 9-5-5: 3 layers, 64 channels, 9x9)
LAYERS = 64
CHANNELS = 1024
KERNEL = 31
WEIGHTS = 1 << 22  # in all layers together
NODES = 4096  # of an ONNX graph: a layer takes about 40 where every constant is a node
NAME = 64  # characters of a layer's or network's name
TEXT = 4096  # characters of a text in the metadata

# files
MODEL_BYTES = 64 * MIB  # .onnx and .pth
