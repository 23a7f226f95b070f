"""fsrcnnx: super-resolution networks from photographs to silicon, bit-exact."""

import os

__version__ = "0.1.0"

# onnxruntime reports its use to its maker, and leaves a file beside the temporary ones, unless it
# finds this when it is loaded
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
