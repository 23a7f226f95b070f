"""The integer network as ONNX: read, written, taken in from other tools, run."""
