"""Builds are made once, whole or not at all; what is damaged is made again."""

import errno
import fcntl
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fsrcnnx.errors import InputError
from fsrcnnx.prove.builds import cache
from fsrcnnx.prove.builds.cache import cached, content_key, find, sweep
from fsrcnnx.prove.builds.home import FOLDER, LOGGED, TAG, VARIABLE, home, keep_log

KEY = "hls-" + "0" * 24


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """An empty folder of builds."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return home()


def inside(folder):
    """What is in a folder of builds besides its tag."""
    return sorted(path.name for path in folder.iterdir() if path.name != TAG)


def test_two_who_want_the_same_make_it_once(builds):
    made = []

    def make(scratch):
        made.append(scratch)
        (scratch / "sim").write_text("built")

    with ThreadPoolExecutor(2) as pool:
        builds = list(pool.map(lambda _: cached(builds, KEY, make), range(4)))
    assert len(made) == 1
    assert {(folder / "sim").read_text() for folder, _ in builds} == {"built"}
    assert sum(seconds > 0 for _, seconds in builds) == 1


def test_a_build_that_fails_leaves_nothing(builds):
    def broken(scratch):
        (scratch / "half").write_text("")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached(builds, KEY, broken)
    assert inside(builds) == [f"{KEY}.lock"]


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
def test_a_damaged_build_is_made_again_and_harms_no_other(builds, damage):
    folder, _ = cached(builds, KEY, program, ["sim"])
    other, _ = cached(builds, KEY.replace("0", "1"), program, ["sim"])
    assert cached(builds, KEY, pytest.fail, ["sim"]) == (folder, 0.0)
    DAMAGE[damage](folder)
    assert find(builds, KEY, ["sim"]) is None
    folder, seconds = cached(builds, KEY, program, ["sim"])
    assert seconds > 0 and subprocess.check_output([folder / "sim"]) == b"ran\n"
    for key in (KEY, other.name):
        assert cached(builds, key, pytest.fail, ["sim"])[1] == 0.0


def test_a_moved_cache_works(builds, tmp_path):
    cached(builds, KEY, program, ["sim"])
    builds.rename(tmp_path / "b c")
    assert cached(tmp_path / "b c", KEY, pytest.fail, ["sim"]) == (tmp_path / "b c" / KEY, 0.0)


def test_what_a_killed_process_left_goes(builds):
    left, other = builds / f"{KEY}-ab12cd34", builds / f"{KEY.replace('0', '1')}-ab12cd34"
    busy = builds / f"{KEY.replace('0', '2')}-ab12cd34"
    for folder in (left, other, busy):
        folder.mkdir()
        (folder / "half.o").write_text("")
    with (builds / f"{KEY.replace('0', '2')}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # somebody is making that one
        cached(builds, KEY, program)
        assert not left.exists() and not other.exists() and busy.exists()


def test_old_builds_and_logs_go(builds, monkeypatch):
    keys = [KEY.replace("0", str(number)) for number in range(4)]
    for key in keys:
        cached(builds, key, program)
    keep_log("said", "failed-fsrcnnx-1234abcd")
    long_ago = time.time() - cache.MONTH - 60
    for path in (builds / keys[0], builds / f"{keys[0]}.lock",
                 builds / "logs" / "failed-fsrcnnx-1234abcd.log"):
        os.utime(path, (long_ago, long_ago))
    keep_log("said", "hls-1234abce")
    sweep(builds)
    assert [find(builds, key) is not None for key in keys] == [False, True, True, True]
    assert [path.name for path in (builds / "logs").iterdir()] == ["hls-1234abce.log"]
    os.utime(builds / f"{keys[0]}.lock", (long_ago, long_ago))
    sweep(builds)
    assert not (builds / f"{keys[0]}.lock").exists()
    for age, key in enumerate(keys):  # the last used least long ago
        if (builds / key).exists():
            os.utime(builds / key, (time.time() - 60 + age,) * 2)
    size = sum(path.stat().st_size for path in (builds / keys[3]).rglob("*") if path.is_file())
    monkeypatch.setattr(cache, "LIMIT", 2 * size)
    sweep(builds)
    assert [find(builds, key) is not None for key in keys] == [False, False, True, True]
    monkeypatch.setattr(cache, "LIMIT", 0)
    sweep(builds, keep=keys[2])  # the one that was just made
    assert [find(builds, key) is not None for key in keys] == [False, False, True, False]


def test_a_full_disk_is_one_line_and_leaves_nothing(builds):
    def full(scratch):
        (scratch / "half").write_text("")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=f"{builds}: cannot be written .No space left on device."
                                         f".*fix: make room there, or set {VARIABLE}"):
        cached(builds, KEY, full)
    assert inside(builds) == [f"{KEY}.lock"]


def test_a_source_that_cannot_be_read_is_not_the_cache_s_fault(builds):
    with pytest.raises(FileNotFoundError):
        cached(builds, KEY, lambda scratch: (builds.parent / "nowhere").read_text())


FOREIGN = ("Cargo.lock", "poetry.lock", "logs/server.log", "notes.txt", f"{KEY}.lock",
           f"{KEY.replace('0', '1')}.lock", f"{KEY}-backup1/dear", f"backup-{'0' * 24}/dear",
           f"{KEY.replace('0', '2')}/dear", "logs/failed-fsrcnnx-1234abcd.log")


def planted(folder, names):
    """Lay files of a user's, two months old, into a folder."""
    old = time.time() - 2 * cache.MONTH
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("dear")
        os.utime(path, (old, old))
        if path.parent != folder:
            os.utime(path.parent, (old, old))


def lost(folder, names):
    """Which of them are not there, or not as they were."""
    return [name for name in names
            if not (folder / name).is_file() or (folder / name).read_text() != "dear"]


def test_a_folder_in_use_loses_nothing(tmp_path, monkeypatch):
    planted(tmp_path, FOREIGN)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(cache, "LIMIT", 0)
    folder, _ = cached(home(), KEY, program, ["sim"])
    assert folder == tmp_path / FOLDER / KEY and lost(tmp_path, FOREIGN) == []
    assert lost(tmp_path, ["notes"]) == ["notes"], "the test would see it"


def test_what_came_into_the_folder_of_builds_stays(builds, monkeypatch):
    names = [name for name in FOREIGN if not name.startswith(f"{KEY}-")]
    planted(builds, names)
    signed = builds / "logs" / "of another name.log"
    signed.write_bytes(LOGGED)
    os.utime(signed, (1, 1))
    monkeypatch.setattr(cache, "LIMIT", 0)
    cached(builds, KEY.replace("0", "3"), program)
    assert lost(builds, names) == [] and signed.exists()


def test_a_folder_of_that_name_without_our_tag_is_not_touched(tmp_path, monkeypatch):
    planted(tmp_path / FOLDER, FOREIGN)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for what in (home, lambda: cached(tmp_path / FOLDER, KEY, program),
                 lambda: sweep(tmp_path / FOLDER)):
        with pytest.raises(InputError, match=f"{FOLDER}: in the way, and not a folder of builds"):
            what()
    (tmp_path / FOLDER / TAG).write_text("Signature: 8a477f597d28d172789f06886806bc55\n# other\n")
    with pytest.raises(InputError, match="in the way"):
        home()
    assert lost(tmp_path / FOLDER, FOREIGN) == []


@pytest.mark.parametrize("call", ["stat", "lstat"])
def test_what_another_process_drops_meanwhile_is_passed_over(builds, monkeypatch, call):
    old, made = KEY.replace("0", "1"), KEY.replace("0", "2")
    for key in (old, made):
        cached(builds, key, program)
    os.utime(builds / old, (1, 1))
    real = getattr(type(builds), call)

    def gone(path, **options):
        if path.name in (made, f"{made}.lock"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return real(path, **options)

    monkeypatch.setattr(type(builds), call, gone)
    sweep(builds)
    assert cached(builds, KEY, program)[0] == builds / KEY
    assert not (builds / old).exists()


def test_a_sweep_that_fails_is_no_fault_of_the_build(builds, monkeypatch):
    def broken(*_):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(builds / "gone"))

    monkeypatch.setattr(cache, "sweep", broken)
    assert cached(builds, KEY, program)[0] == builds / KEY


def test_a_lock_that_goes_while_it_is_taken_is_taken_again(builds, monkeypatch):
    real, path = cache.fcntl.flock, builds / f"{KEY}.lock"
    calls = []

    def dropped(handle, how):
        real(handle, how)
        calls.append(how)
        if len(calls) == 1:
            path.unlink()

    monkeypatch.setattr(cache.fcntl, "flock", dropped)
    assert cached(builds, KEY, program)[0] == builds / KEY
    assert len(calls) >= 2 and path.exists()


def test_a_lock_is_not_made_or_touched_through_a_link(builds, tmp_path):
    dear, lock = tmp_path / "dear", builds / f"{KEY}.lock"
    dear.write_text("dear")
    os.utime(dear, (1, 1))
    for target in (dear, tmp_path / "new"):
        lock.symlink_to(target)
        with pytest.raises(InputError, match="symbolic links"):
            cached(builds, KEY, program)
        lock.unlink()
    assert (dear.read_text(), dear.stat().st_mtime) == ("dear", 1)
    assert not (tmp_path / "new").exists()
