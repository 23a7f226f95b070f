"""Runners of ONNX files by other people's code: qonnx node by node, and unmodified onnxruntime.

May import numpy, the errors, the formats, the network and the reader; qonnx and onnxruntime inside
the functions, because they load slowly.

    hr = run_qonnx(Path("model.onnx"), lr)   # int64 (s*H, s*W), equal to golden.run
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fsrcnnx.errors import CheckError, ModelError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Network, check_luma
from fsrcnnx.exact.onnx.bytes import parse, read_bytes
from fsrcnnx.exact.onnx.check import first_line
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.runnable import check_runnable

Run = Callable[[np.ndarray], np.ndarray]

FATAL = 4  # onnxruntime's level of what it logs; its errors arrive as exceptions


def to_raw(value: np.ndarray, to: Format, where: str) -> np.ndarray:
    """Turn a runtime's values into raw integers, without rounding.

    Args:
        value: float, any shape.
        to: Format that they must be in.
        where: Whose values, for the error.

    Returns:
        int64, same shape.

    Raises:
        CheckError: If a value is off the grid or out of range.
    """
    raw = np.ldexp(value.astype(np.float64), to.frac)
    wrong = ~((raw == np.rint(raw)) & (raw >= to.lo) & (raw <= to.hi))
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise CheckError(f"value {value[first]} at {first} is not in {to}", where=where,
                         allowed=f"{to.lo}..{to.hi} times 2^{-to.frac}")
    return raw.astype(np.int64)


def qonnx_session(path: Path, network: Network | None = None) -> Run:
    """Read a QONNX file for qonnx's reference execution, once for any number of frames.

    Args:
        path: A file that the strict reader accepts, or any with `network`; not looked at again.
        network: Whose luma formats and scale hold, for a file with unquantised constants.

    Returns:
        What runs it: integers (H, W), raw luma within the input format, to int64 (s*H, s*W), raw
        luma. It raises InputError if they are no such picture, ModelError if qonnx cannot run the
        file, CheckError if the result is not on the output's grid.

    Raises:
        ModelError: If the file is refused.
    """
    data = read_bytes(path)
    network = network or decode(data, str(path))

    def run(lr: np.ndarray) -> np.ndarray:
        lr = check_luma(lr, network.in_format)
        value = (lr * network.in_format.step).astype(np.float32)
        size = tuple(side * network.scale for side in lr.shape)
        return to_raw(_execute(data, value, size, path), network.out_format, str(path))

    return run


def run_values(path: Path, value: np.ndarray, scale: int) -> np.ndarray:
    """Run a file on one plane in qonnx, whatever its scales are.

    Args:
        path: The file.
        value: float32 (H, W), what its input takes.
        scale: How much larger its output is.

    Returns:
        (scale * H, scale * W), what its output gives.

    Raises:
        ModelError: If qonnx cannot run it.
    """
    size = tuple(side * scale for side in value.shape)
    return _execute(read_bytes(path), value, size, path)


def _execute(data: bytes, value: np.ndarray, size: tuple[int, int], path: Path) -> np.ndarray:
    """Run a file's bytes on one plane in qonnx, for a result of a size; both (H, W), float32."""
    import onnxruntime
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = parse(data, str(path))
    # qonnx wants every shape to be known, and none to contradict the size of this picture
    del model.graph.value_info[:]
    source = next(value.name for value in model.graph.input
                  if value.name not in {tensor.name for tensor in model.graph.initializer})
    target = model.graph.output[0].name
    onnxruntime.set_default_logger_severity(FATAL)
    try:
        with warnings.catch_warnings():
            # qonnx only warns where a result has another shape than inferred
            warnings.filterwarnings("error", message="Output shapes disagree")
            wrapper = ModelWrapper(model)
            for name, shape in ((source, value.shape), (target, size)):
                wrapper.set_tensor_shape(name, [1, 1, *shape])
            wrapper = wrapper.transform(InferShapes())
            hr = execute_onnx(wrapper, {source: value[None, None]})[target]
            if hr.shape != (1, 1, *size):
                raise ValueError(f"a result of shape {hr.shape}, not {(1, 1, *size)}")
    except Exception as error:  # qonnx and the runtime below it have no common base of errors
        raise ModelError(f"qonnx fails: {first_line(error)}", where=path,
                         allowed="an ONNX file that the reference execution runs",
                         fix="export the model again, with opset 13") from error
    return hr[0, 0]


def run_qonnx(path: Path, lr: np.ndarray, network: Network | None = None) -> np.ndarray:
    """Run one frame through qonnx's reference execution; for several, keep a `qonnx_session`.

    Args:
        path: A file that the strict reader accepts, or any with `network`.
        lr: Integers (H, W), raw luma within the file's input format.
        network: Whose luma formats and scale hold, for a file with unquantised constants.

    Returns:
        int64 (s*H, s*W), raw luma.

    Raises:
        ModelError: If the file is refused, or qonnx cannot run it.
        InputError: If lr is not a picture within the input format.
        CheckError: If the result is not on the output's grid.
    """
    return qonnx_session(path, network)(lr)


def stock_session(data: bytes, dtype: str, path: Path) -> Run:
    """Open a file of stock operators in onnxruntime.

    Args:
        data: The file, its operators looked at before: onnxruntime does what they say.
        dtype: Element type of its input and output.
        path: Its name, for errors.

    Returns:
        What runs it, (H, W) to (s*H, s*W) of that type. It raises ModelError if the file cannot be
        run.

    Raises:
        ModelError: If onnxruntime refuses it, or it has other inputs and outputs.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base of its errors
        raise ModelError(f"onnxruntime refuses it: {str(error).splitlines()[0]}", where=path,
                         allowed="an ONNX file with stock operators") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = [value.type for value in (*inputs, *outputs)]
    if found != [f"tensor({dtype})"] * 2:
        raise ModelError(f"inputs and outputs are {', '.join(found)}", where=path,
                         allowed=f"one input and one output, tensor({dtype})")

    def run(lr: np.ndarray) -> np.ndarray:
        try:
            hr = session.run(None, {inputs[0].name: lr[None, None]})[0]
        except Exception as error:
            raise ModelError(f"onnxruntime fails: {str(error).splitlines()[0]}", where=path,
                             allowed="input (N, 1, H, W)") from error
        if hr.shape[:2] != (1, 1) or hr.ndim != 4:
            raise ModelError(f"the output has shape {hr.shape}", where=path,
                             allowed="(N, 1, H, W)")
        return hr[0, 0]

    return run


def _session(path: Path, dtype: str) -> Run:
    """Open a file of our own kind in onnxruntime, looked at before."""
    data = read_bytes(path)
    check_runnable(parse(data, str(path)), str(path))
    return stock_session(data, dtype, path)


def uint8_session(path: Path) -> Run:
    """Open a uint8 file in unmodified onnxruntime, once for any number of frames.

    Args:
        path: A file as `save_uint8` writes it; not looked at again.

    Returns:
        What runs it: integers (H, W), 0..255, to uint8 (s*H, s*W). It raises InputError if they
        are no picture of 8 bits.

    Raises:
        ModelError: If the file is not one uint8 input to one uint8 output.
    """
    run = _session(path, "uint8")
    return lambda lr: run(check_luma(lr, PIXEL).astype(np.uint8))


def float_session(path: Path, enters: Format = PIXEL, leaves: Format = PIXEL) -> Run:
    """Open a float file in onnxruntime, once for any number of frames.

    Args:
        path: A file as `save_float` writes it; not looked at again.
        enters: Format of what comes in.
        leaves: Format in whose units the result is given.

    Returns:
        What runs it: integers (H, W) in `enters` to float64 (s*H, s*W) in units of `leaves`
        (pixels, 0..255), neither rounded nor clipped. It raises InputError if they are no picture
        in `enters`.

    Raises:
        ModelError: If the file is not one float input to one float output.
    """
    run = _session(path, "float")
    return lambda lr: run((check_luma(lr, enters) * enters.step).astype(np.float32)).astype(
        np.float64) / leaves.step


def run_uint8(path: Path, lr: np.ndarray) -> np.ndarray:
    """Run one frame through a uint8 file; for several, keep a `uint8_session`.

    Args:
        path: A file as `save_uint8` writes it.
        lr: Integers (H, W), 0..255.

    Returns:
        uint8 (s*H, s*W).

    Raises:
        ModelError: If the file is not one uint8 input to one uint8 output.
        InputError: If lr is not a picture of 8 bits.
    """
    return uint8_session(path)(lr)


def run_float(path: Path, lr: np.ndarray, enters: Format = PIXEL, leaves: Format = PIXEL
              ) -> np.ndarray:
    """Run one frame through a float file; for several, keep a `float_session`.

    Args:
        path: A file as `save_float` writes it.
        lr: Integers (H, W) in `enters`.
        enters: Format of what comes in.
        leaves: Format in whose units the result is given.

    Returns:
        float64 (s*H, s*W) in units of `leaves` (pixels, 0..255), neither rounded nor clipped.

    Raises:
        ModelError: If the file is not one float input to one float output.
        InputError: If lr is not a picture in `enters`.
    """
    return float_session(path, enters, leaves)(lr)
