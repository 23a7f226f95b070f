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
SCALE = 16  # stride of the last layer
WEIGHTS = 1 << 22  # in all layers together
NODES = 2048  # of an ONNX graph: a layer takes up to 25 where every constant is a node
NAME = 64  # characters of a layer's or network's name
PREFIX = 32  # characters before _top and its like
TEXT = 4096  # characters of a text in the metadata
TEXTS = 256  # texts in the metadata
FRACTION = 512  # fraction bits of a format, either sign: two float32 scales multiplied

# files
MODEL_BYTES = 64 * MIB  # .onnx and .pth
CHECKPOINT_BYTES = 1024 * MIB  # what a training goes on from: products, and states of the optimiser
MANIFEST_BYTES = 4 * MIB  # manifest.json and files.f of an emitted folder
SOURCE_BYTES = 64 * MIB  # each source of an emitted folder
FILES = 4096  # of an emitted folder
FILE_NAME = 255  # characters of one of them
CYCLES = WEIGHTS  # clocks per LR pixel, uses of a multiplier: no layer has more weights
FRAME_SIDE = 16384  # LR pixels that hardware is made for, in width and in height
ONNX_FIELDS = 1 << 18  # fields and list elements in an .onnx file, bulk data apart

# pictures: an engine takes 0.1 to 3.5 kB a pixel, so that 100 million are 10 GB and more
PIXELS = 100_000_000  # width times height
PIXELS_VARIABLE = "FSRCNNX_MAX_PIXELS"  # lifts it, as --max-pixels does
PICTURE_BYTES_PER_PIXEL = 8  # 16 bits of red, green, blue, alpha: no picture needs a larger file
PICTURE_BYTES_BESIDE = 64 * MIB  # metadata
COUNTED_BYTES = 32 * MIB  # of a file whose frames are counted: it has to be read through
PROFILE_BYTES = 4 * MIB  # the largest ICC profiles in use have 3
DPI = 65535  # what JPEG holds
FRAMES = 1 << 22  # that `--rate` makes of a video: a frame may be said to last for years

# training
STEPS = 100_000_000  # a thousand times the longest recipe and more
SEED = 1 << 62  # greatest, either sign: torch takes 64 bits, and stages add to it

# pixels in HDF5 files: all of a file are in memory while a network trains
DATA_PIXELS = 1 << 33  # in a file
DATA_PICTURE = 1 << 27  # in a picture or patch
NOTE_BYTES = 16 * MIB  # what a file was made of: a hundred thousand pictures by name
DATA_RATIO = 64  # for each byte of the file; photographs pack to a quarter, bombs a thousandfold
CHUNK_BYTES = MIB  # of compressed data; what a chunk unpacks to, a thousandfold at most, is at once
