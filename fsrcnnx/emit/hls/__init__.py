"""From the integer network to an hls4ml project; importing it registers our layers with hls4ml.

May import hls4ml, the integer side and the errors. Each module is one idea: `stages` (layers
and types), `reuse`, `fifos`, `plan` (all that is decided), `layers` (what hls4ml learns),
`transpose`, `transpose_read`, `adders`, `audit`, `project`.

    import fsrcnnx.emit.hls
"""

from importlib.util import find_spec

from fsrcnnx.errors import ToolError
from fsrcnnx.install import advice

if find_spec("hls4ml") is None:
    raise ToolError("not installed", where="hls4ml", fix=advice("hls4ml"))

from fsrcnnx.emit.hls import layers, transpose, transpose_read
from fsrcnnx.emit.hls.project import emit

__all__ = ["emit"]

layers.register()
transpose.register()
transpose_read.register()
