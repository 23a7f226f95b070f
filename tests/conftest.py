"""What several test folders share."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Path:
    """The picture sets: DATA, or ../shared/data beside the checkout; skipped where absent."""
    folder = Path(os.environ.get("DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "test" / "Set5").is_dir():
        pytest.skip(f"no picture sets in {folder}; set DATA=folder with test/Set5")
    return folder
