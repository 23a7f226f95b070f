"""SECURITY.md: its table of limits is that of fsrcnnx/limits.py, constant for constant."""

import re
from pathlib import Path

import pytest

from fsrcnnx import limits

PAGE = (Path(__file__).resolve().parents[1] / "SECURITY.md").read_text()
UNITS = {"MIB"}  # no limits themselves


def table(page: str) -> dict[str, int | str]:
    """Limits that a page states, by the constant's name."""
    found = {}
    for name, value, why in re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \|$", page, re.M):
        assert name not in found, f"{name} is there twice"
        assert why.strip(), f"{name} has no reason"
        number = re.fullmatch(r"([0-9,]+)( MiB)?", value.strip())
        found[name] = (int(number[1].replace(",", "")) << (20 if number[2] else 0)) if number \
            else value.strip(" `")
    return found


def constants() -> dict[str, int | str]:
    """The constants of limits.py."""
    return {name: value for name, value in vars(limits).items()
            if name.isupper() and name not in UNITS}


def differences(page: str) -> list[str]:
    """What a page and limits.py do not agree in."""
    says, are = table(page), constants()
    return [f"{name}: the page says {says.get(name)}, limits.py {are.get(name)}"
            for name in sorted({*says, *are}) if says.get(name) != are.get(name)]


def test_the_table_holds_every_limit():
    assert len(constants()) > 20
    assert differences(PAGE) == []


@pytest.mark.parametrize(("old", "new", "told"), [
    ("| `LAYERS` | 64 ", "| `LAYERS` | 65 ", "LAYERS: the page says 65, limits.py 64"),
    ("| `KERNEL` | 31 ", "| `KERNEL_SIDE` | 31 ", "KERNEL: the page says None, limits.py 31"),
    ("| `MODEL_BYTES` | 64 MiB ", "| `MODEL_BYTES` | 64 ", "MODEL_BYTES: the page says 64, "),
])
def test_a_planted_difference_is_caught(old, new, told):
    assert PAGE.count(old) == 1
    assert any(line.startswith(told) for line in differences(PAGE.replace(old, new)))


def test_a_constant_that_is_new_is_missed(monkeypatch):
    monkeypatch.setattr(limits, "MORE", 7, raising=False)
    assert differences(PAGE) == ["MORE: the page says None, limits.py 7"]


def test_the_page_says_what_is_trusted_and_how_to_report():
    for heading in ("What is trusted", "What we guarantee", "Reporting", "Limits"):
        assert f"\n## {heading}\n" in PAGE
    for name in sorted({*re.findall(r"`fsrcnnx/(\w+)\.py`", PAGE)}):
        assert (Path(limits.__file__).parent / f"{name}.py").is_file()
