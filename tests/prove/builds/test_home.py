"""Builds lie in a folder of our own, which nobody else could have planted."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from fsrcnnx.errors import InputError
from fsrcnnx.prove.builds.cache import cached, sweep
from fsrcnnx.prove.builds.home import FOLDER, VARIABLE, home

KEY = "hls-" + "0" * 24


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """An empty folder of builds."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return home()


def program(scratch):
    """Make a build of one program."""
    (scratch / "sim").write_text("#!/bin/sh\n")
    (scratch / "sim").chmod(0o755)


def test_where_builds_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    for _ in range(2):  # the second time it is empty
        assert home() == tmp_path / "fsrcnnx" / FOLDER
        assert home().stat().st_mode & 0o777 == home().parent.stat().st_mode & 0o777 == 0o700
        monkeypatch.setenv(VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "here/deep")
    assert home() == tmp_path / "here" / "deep" / FOLDER
    (tmp_path / "file").write_text("dear")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(InputError, match="file: cannot be written .File exists.*unset it"):
        home()


def test_without_a_place_of_its_own_it_lasts_as_long_as_the_process(tmp_path):
    (tmp_path / "file").write_text("dear")
    (tmp_path / "tmp").mkdir()
    code = ("import sys\nfrom fsrcnnx.prove.builds.cache import cached\n"
            "from fsrcnnx.prove.builds.home import home\n"
            f"cached(home(), '{KEY}', lambda f: (f / 'a').write_text(''))\n"
            f"assert cached(home(), '{KEY}', sys.exit)[1] == 0\n")
    env = {key: value for key, value in os.environ.items() if key != VARIABLE}
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=False,
                          env={**env, "XDG_CACHE_HOME": str(tmp_path / "file"),
                               "TMPDIR": str(tmp_path / "tmp")})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1 and "builds are not kept" in done.stderr
    assert not list((tmp_path / "tmp").iterdir())


def test_many_who_make_the_folder_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: home(), range(32))) == {tmp_path / FOLDER}
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_builds_that_others_can_write_are_refused(builds, mode):
    folder, _ = cached(builds, KEY, program, ["sim"])
    builds.chmod(mode)
    for use in (home, lambda: cached(builds, KEY, pytest.fail, ["sim"]), lambda: sweep(builds)):
        with pytest.raises(InputError, match=rf"open to other users \(mode {mode:o}\).*allowed"):
            use()
    assert folder.is_dir()


def test_builds_of_another_user_are_refused(builds, monkeypatch):
    cached(builds, KEY, program, ["sim"])
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(InputError, match="another user's: they could put programs there"):
        home()
    with pytest.raises(InputError, match="another user's"):
        cached(builds, KEY, pytest.fail, ["sim"])


def test_a_folder_of_everybody_holds_builds_only_if_it_is_sticky(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "all"))
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o777)
    with pytest.raises(InputError, match="open to other users .mode 777"):
        home()
    assert not any((tmp_path / "all").iterdir())
    (tmp_path / "all").chmod(0o1777)
    assert home().stat().st_mode & 0o777 == 0o700
