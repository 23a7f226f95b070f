"""What several test folders share."""

import os
import signal
from pathlib import Path

import pytest

# a shell that starts the tests in its background has them ignore Ctrl-C, nohup a hang-up, and so
# would every process that they start and interrupt
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


# files that take minutes begin first: each stays in one process, and the last one keeps all waiting
LONG = ("test_cores.py", "test_wheel.py", "test_stops.py", "test_own_model.py")


def pytest_collection_modifyitems(items):
    """Put the longest files before the others, which stay in order."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture
def data() -> Path:
    """The picture sets: DATA, or ../shared/data beside the checkout; skipped where absent."""
    folder = Path(os.environ.get("DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "test" / "Set5").is_dir():
        pytest.skip(f"no picture sets in {folder}; set DATA=folder with test/Set5")
    return folder


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Work in a folder with models/tiny_x2, clips.NETWORK; the folder."""
    from fsrcnnx.exact.onnx import io as onnx_io
    from tests.clips import NETWORK

    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "tiny_x2").mkdir(parents=True)
    onnx_io.save(NETWORK, Path("models/tiny_x2/model.onnx"))
    onnx_io.save_uint8(NETWORK, Path("models/tiny_x2/model_uint8.onnx"))
    return tmp_path
