"""Builds are made once, whole or not at all; what is damaged is made again."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fsrcnnx.errors import InputError
from fsrcnnx.prove import cache
from fsrcnnx.prove.cache import VARIABLE, cached, content_key, find, home, keep_log, sweep

KEY = "hls-" + "0" * 24


def test_two_who_want_the_same_make_it_once(tmp_path):
    made = []

    def make(scratch):
        made.append(scratch)
        (scratch / "sim").write_text("built")

    with ThreadPoolExecutor(2) as pool:
        builds = list(pool.map(lambda _: cached(tmp_path, "key", make), range(4)))
    assert len(made) == 1
    assert {(folder / "sim").read_text() for folder, _ in builds} == {"built"}
    assert sum(seconds > 0 for _, seconds in builds) == 1


def test_a_build_that_fails_leaves_nothing(tmp_path):
    def broken(scratch):
        (scratch / "half").write_text("")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached(tmp_path, "key", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["key.lock"]


def test_the_key_follows_contents_names_and_extras(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
    a, b = tmp_path / "a", tmp_path / "b"
    keys = {content_key([a], tmp_path), content_key([b], tmp_path), content_key([a, b], tmp_path),
            content_key([a], tmp_path, "flag")}
    assert len(keys) == 4
    assert content_key([b, a], tmp_path) == content_key([a, b], tmp_path)
    before = content_key([a], tmp_path)
    a.write_text("other")
    assert content_key([a], tmp_path) != before


def program(scratch):
    """A build of a program and what it reads."""
    (scratch / "weights").mkdir()
    (scratch / "weights" / "w.txt").write_text("1 2 3")
    (scratch / "sim").write_text("#!/bin/sh\necho ran\n")
    (scratch / "sim").chmod(0o755)


def replace_by_file(folder):
    shutil.rmtree(folder)
    folder.write_text("")


def replace_by_link(folder):
    shutil.rmtree(folder)
    folder.symlink_to("/nowhere")


DAMAGE = {
    "truncated": lambda f: (f / "sim").write_text("#!/bin"),
    "empty": lambda f: (f / "sim").write_text(""),
    "one bit": lambda f: (f / "sim").write_text((f / "sim").read_text().replace("ran", "rao")),
    "not executable": lambda f: (f / "sim").chmod(0o644),
    "a file is gone": lambda f: (f / "weights" / "w.txt").unlink(),
    "the program is gone": lambda f: (f / "sim").unlink(),
    "a file beside": lambda f: (f / "weights" / "x.txt").write_text(""),
    "a folder instead of the program": lambda f: ((f / "sim").unlink(), (f / "sim").mkdir()),
    "an empty folder": lambda f: [shutil.rmtree(f), f.mkdir()],
    "a file instead": replace_by_file,
    "a link instead": replace_by_link,
    "no list": lambda f: (f / "SHA256SUMS").unlink(),
    "an empty list": lambda f: (f / "SHA256SUMS").write_text(""),
    "a list of bytes": lambda f: (f / "SHA256SUMS").write_bytes(bytes(range(256))),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_build_is_made_again_and_harms_no_other(tmp_path, damage):
    folder, _ = cached(tmp_path, KEY, program, ["sim"])
    other, _ = cached(tmp_path, KEY.replace("0", "1"), program, ["sim"])
    assert cached(tmp_path, KEY, pytest.fail, ["sim"]) == (folder, 0.0)
    DAMAGE[damage](folder)
    assert find(tmp_path, KEY, ["sim"]) is None
    folder, seconds = cached(tmp_path, KEY, program, ["sim"])
    assert seconds > 0 and subprocess.check_output([folder / "sim"]) == b"ran\n"
    for key in (KEY, other.name):
        assert cached(tmp_path, key, pytest.fail, ["sim"])[1] == 0.0


def test_a_moved_cache_works(tmp_path):
    (tmp_path / "a").mkdir()
    cached(tmp_path / "a", KEY, program, ["sim"])
    (tmp_path / "a").rename(tmp_path / "b c")
    assert cached(tmp_path / "b c", KEY, pytest.fail, ["sim"]) == (tmp_path / "b c" / KEY, 0.0)


def test_what_a_killed_process_left_goes(tmp_path):
    left, other = tmp_path / f"{KEY}-ab12cd34", tmp_path / f"{KEY.replace('0', '1')}-ab12cd34"
    busy = tmp_path / f"{KEY.replace('0', '2')}-ab12cd34"
    for folder in (left, other, busy):
        folder.mkdir()
        (folder / "half.o").write_text("")
    with (tmp_path / f"{KEY.replace('0', '2')}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # somebody is making that one
        cached(tmp_path, KEY, program)
        assert not left.exists() and not other.exists() and busy.exists()


def test_old_builds_and_logs_go(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    keys = [KEY.replace("0", str(number)) for number in range(4)]
    for key in keys:
        cached(tmp_path, key, program)
    keep_log("said", "failed-old")
    long_ago = time.time() - cache.MONTH - 60
    for path in (tmp_path / keys[0], tmp_path / f"{keys[0]}.lock",
                 tmp_path / "logs" / "failed-old.log"):
        os.utime(path, (long_ago, long_ago))
    keep_log("said", "failed-new")
    sweep(tmp_path)
    assert [find(tmp_path, key) is not None for key in keys] == [False, True, True, True]
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["failed-new.log"]
    os.utime(tmp_path / f"{keys[0]}.lock", (long_ago, long_ago))
    sweep(tmp_path)
    assert not (tmp_path / f"{keys[0]}.lock").exists()
    for age, key in enumerate(keys):  # the last used least long ago
        if (tmp_path / key).exists():
            os.utime(tmp_path / key, (time.time() - 60 + age,) * 2)
    size = sum(path.stat().st_size for path in (tmp_path / keys[3]).rglob("*") if path.is_file())
    monkeypatch.setattr(cache, "LIMIT", 2 * size)
    sweep(tmp_path)
    assert [find(tmp_path, key) is not None for key in keys] == [False, False, True, True]
    monkeypatch.setattr(cache, "LIMIT", 0)
    sweep(tmp_path, keep=keys[2])  # the one that was just made
    assert [find(tmp_path, key) is not None for key in keys] == [False, False, True, False]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    def full(scratch):
        (scratch / "half").write_text("")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=f"{tmp_path}: cannot be written .No space left on device."
                                         f".*fix: make room there, or set {VARIABLE}"):
        cached(tmp_path, KEY, full)
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY}.lock"]


def test_a_source_that_cannot_be_read_is_not_the_cache_s_fault(tmp_path):
    with pytest.raises(FileNotFoundError):
        cached(tmp_path, KEY, lambda scratch: (tmp_path.parent / "nowhere").read_text())


def test_where_builds_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    for _ in range(2):  # the second time it is empty
        assert home() == tmp_path / "fsrcnnx" and home().stat().st_mode & 0o777 == 0o700
        monkeypatch.setenv(VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "here/deep")
    assert home() == tmp_path / "here" / "deep"
    (tmp_path / "file").write_text("dear")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(InputError, match="file: cannot be written .File exists.*unset it"):
        home()


def test_without_a_place_of_its_own_it_lasts_as_long_as_the_process(tmp_path):
    (tmp_path / "file").write_text("dear")
    (tmp_path / "tmp").mkdir()
    code = ("import sys\nfrom fsrcnnx.prove.cache import home, cached\n"
            f"cached(home(), '{KEY}', lambda f: (f / 'a').write_text(''))\n"
            f"assert cached(home(), '{KEY}', sys.exit)[1] == 0\n")
    env = {key: value for key, value in os.environ.items() if key != VARIABLE}
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=False,
                          env={**env, "XDG_CACHE_HOME": str(tmp_path / "file"),
                               "TMPDIR": str(tmp_path / "tmp")})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1 and "builds are not kept" in done.stderr
    assert not list((tmp_path / "tmp").iterdir())
