"""The door to HLS projects: importing it asks for hls4ml and registers our layers with it.

May import hls4ml, the other parts of this package and the errors. The plan needs none of it.

    emit(network, Path("build/hls"), width=960, height=540)["content_hash"]
"""

from importlib.util import find_spec

from fsrcnnx.errors import ToolError
from fsrcnnx.install import advice

if find_spec("hls4ml") is None:
    raise ToolError("not installed", where="hls4ml", fix=advice("hls4ml"))

from fsrcnnx.emit.hls import layers, prelu_read, shuffle_read, transpose, transpose_read
from fsrcnnx.emit.hls.project import emit, write

__all__ = ["emit", "write"]

layers.register()
prelu_read.register()
transpose.register()
transpose_read.register()
shuffle_read.register()
