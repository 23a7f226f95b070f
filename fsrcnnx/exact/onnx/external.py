"""Weights that torch's newer exporter puts into a second file: `net.onnx.data` beside `net.onnx`.

May import onnx, the limits, the files and the errors. Of all that an ONNX file may refer to, this
one file is read, and only by `fsrcnnx import`: a plain file of exactly that name, in that folder.

    embed(model, Path("net.onnx"))
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto

from fsrcnnx import limits
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.onnx.check import called, refuse
from fsrcnnx.files import read_limited

SUFFIX = ".data"
KEYS = {"location", "offset", "length", "checksum"}


def embed(model: onnx.ModelProto, path: Path) -> bool:
    """Take initializers out of the second file into the model.

    Args:
        model: The first file; it is changed.
        path: Where that lies.

    Returns:
        Whether there was any.

    Raises:
        ModelError: If the second file is another one, missing, a link, too large or too short.
    """
    outside = [tensor for tensor in model.graph.initializer
               if tensor.data_location == TensorProto.EXTERNAL]
    if not outside:
        return False
    name, file = path.name + SUFFIX, str(path)
    for tensor in outside:
        given = {entry.key: entry.value for entry in tensor.external_data}
        if given.get("location") != name:
            refuse(file, f"the data of {called(tensor.name)} lies in "
                   f"{called(given.get('location', 'nothing'))}", allowed=f"in {called(name)} "
                   "beside it, or inside", fix="save the model without external data")
    beside = path.with_name(name)
    try:
        if beside.is_symlink():
            raise InputError("a link", allowed="the file itself")
        data = read_limited(beside, limits.MODEL_BYTES)
    except OSError as error:
        raise ModelError(f"its data cannot be read ({error.strerror})", where=beside,
                         fix="copy both files that the exporter wrote") from None
    except InputError as error:
        raise ModelError(f"its data: {error.what}", where=beside, allowed=error.allowed) from None
    total = 0
    for tensor in outside:
        given = {entry.key: entry.value for entry in tensor.external_data}
        texts = given.get("offset", "0"), given.get("length", str(len(data)))
        offset, length = (int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
                          for text in texts)
        total += length
        if set(given) - KEYS or min(offset, length) < 0 or offset + length > len(data) \
                or total > limits.MODEL_BYTES:
            refuse(file, f"the data of {called(tensor.name)} is bytes {called(texts[0])} and "
                   f"{called(texts[1])} more", allowed=f"within the {len(data)} of {called(name)}",
                   fix="copy both files that the exporter wrote")
        tensor.raw_data = data[offset:offset + length]
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
    return True
