"""Whole folders: replaced while they are all ours, and never otherwise."""

import os
import shutil
import signal
import subprocess

import pytest

from fsrcnnx import limits, owned
from fsrcnnx.errors import InputError
from fsrcnnx.owned import LIST, foreign, read_list, whole, whole_folder

KIND = "a core"


def core(path, text="old", kind=KIND):
    """Write a folder of three files."""
    with whole_folder(path, kind) as folder:
        (folder / "mem").mkdir()
        (folder / "void").mkdir()
        (folder / "files.f").write_text(text)
        (folder / "mem" / "a.hex").write_text("0\n")
        (folder / "with space").write_text("1\n")
    return path


def names(folder):
    """Everything below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_list_is_for_sha256sum(tmp_path):
    path = core(tmp_path / "core")
    assert names(path) == [LIST, "files.f", "mem", "mem/a.hex", "void", "with space"]
    done = subprocess.run(["sha256sum", "-c", "--strict", LIST], cwd=path, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "files.f: OK\nmem/a.hex: OK\nwith space: OK\n"
    (path / "mem" / "a.hex").write_text("1\n")
    assert subprocess.run(["sha256sum", "-c", "--quiet", LIST], cwd=path, check=False,
                          capture_output=True).returncode == 1


def test_a_folder_gives_way_to_its_own_kind(tmp_path):
    (tmp_path / "void").mkdir()
    for name in ("void", "core", "core", "deep/er/core"):
        core(tmp_path / name, name)
        assert (tmp_path / name / "files.f").read_text() == name
    (tmp_path / "core" / "files.f").unlink()  # what is missing is not lost by replacing
    core(tmp_path / "core", "third")
    assert (tmp_path / "core" / "files.f").read_text() == "third"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["core", "deep", "void"]


def plant_git(path):
    (path / ".git").mkdir()
    (path / ".git" / "config").write_text("dear")


def relist(path):
    """Somebody else's list of the same name."""
    (path / LIST).write_text("\n".join((path / LIST).read_text().splitlines()[1:]) + "\n")


PLANTED = {  # what happened to a folder of ours -> what the error names
    "a source beside": (lambda p: (p / "thesis.sv").write_text("dear"), "thesis.sv"),
    "a source inside": (lambda p: (p / "mem" / "dear.hex").write_text(""), "mem/dear.hex"),
    "changed": (lambda p: (p / "files.f").write_text("mine"), r"files.f \(changed\)"),
    "git": (plant_git, r"\.git/, \.git/config"),
    "an empty folder": (lambda p: (p / "plans").mkdir(), "plans/"),
    "a link": (lambda p: (p / "way").symlink_to("/"), r"way \(a link or a special file\)"),
    "a pipe": (lambda p: os.mkfifo(p / "pipe"), r"pipe \(a link or a special file\)"),
    "a file is a link": (lambda p: ((p / "files.f").rename(p.parent / "f"),
                                    (p / "files.f").symlink_to(p.parent / "f")),
                         r"files.f \(a link or a special file\)"),
    "no list": (lambda p: (p / LIST).unlink(), "holds files.f, mem, void and 1 more;"),
    "another's list": (relist, f"holds {LIST}, files.f, mem and 2 more"),
    "a list that is a link": (lambda p: ((p / LIST).rename(p.parent / "l"),
                                         (p / LIST).symlink_to(p.parent / "l")), "holds SHA256"),
    "bytes in the list": (lambda p: (p / LIST).write_bytes(b"\xff\xfe"), "holds SHA256"),
    "an empty list": (lambda p: (p / LIST).write_text(""), "holds SHA256"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_we_did_not_write_is_never_removed(tmp_path, what):
    path = core(tmp_path / "core")
    plant, named = PLANTED[what]
    plant(path)
    assert not whole(path, KIND) and foreign(path, KIND)
    shutil.copytree(tmp_path, tmp_path.parent / "before", symlinks=True,
                    ignore=shutil.ignore_patterns("pipe"))
    before = names(tmp_path)
    with (pytest.raises(InputError, match=f"core: in the way.*{named}.*; fix: choose another"),
          whole_folder(path, KIND)):
        pytest.fail("it was begun")
    assert names(tmp_path) == before
    shutil.rmtree(tmp_path.parent / "before")


def test_what_is_put_in_while_it_is_made_stays(tmp_path, monkeypatch):
    path = core(tmp_path / "core")
    with pytest.raises(InputError, match=r"holds what fsrcnnx did not write so: dear"), \
            whole_folder(path, KIND) as folder:
        (folder / "files.f").write_text("new")
        (path / "dear").write_text("dear")
    assert (path / "files.f").read_text() == "old" and names(tmp_path)[0] == "core"
    (path / "dear").unlink()
    check, seen = owned.check, []

    def late(where, kind):
        check(where, kind)
        seen.append(where)
        if len(seen) == 2:  # after the last look
            (where / "dear").write_text("dear")

    monkeypatch.setattr(owned, "check", late)
    with pytest.raises(InputError, match=r"what came into the old one meanwhile is in \.core-"):
        core(path, "new")
    (kept,) = tmp_path.glob(".core-*-old")
    assert names(kept) == ["dear"] and (path / "files.f").read_text() == "new"


def test_what_else_is_in_the_way(tmp_path, monkeypatch):
    core(tmp_path / "core")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "link").symlink_to(tmp_path / "core")
    (tmp_path / "nowhere").symlink_to(tmp_path / "void")
    monkeypatch.chdir(tmp_path / "core")
    for name, kind, said in (
            ("file", KIND, "in the way, and not a core; allowed: a new or empty folder, or a core"),
            ("link", KIND, "a link"), ("nowhere", KIND, "a link"),
            ("core", "a project", "and not a project by its SHA256SUMS: holds SHA256SUMS, files.f"),
            ("core", KIND, "the folder that you are in"),
            ("", KIND, "holds core, file, link and 1 more"),
            ("file/core", KIND, "file")):
        with pytest.raises(InputError, match=said), whole_folder(tmp_path / name, kind):
            pytest.fail("it was begun")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["core", "file", "link", "nowhere"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError,
                                   OSError(28, "No space left on device")])
@pytest.mark.parametrize("name", ["core", "deep/core"])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path, error, name):
    path = tmp_path / name
    if name == "core":
        core(path)
    kind = InputError if isinstance(error, OSError) else error
    said = r"core: cannot be written .No space left on device." if kind is InputError else None
    with pytest.raises(kind, match=said), whole_folder(path, KIND) as folder:
        (folder / "files.f").write_text("new")
        raise error
    assert names(tmp_path)[:1] == (["core"] if name == "core" else [])
    assert whole(path, KIND) == (name == "core")


def test_a_move_that_fails_puts_the_old_one_back(tmp_path, monkeypatch):
    path, rename = core(tmp_path / "core"), os.rename

    def broken(old, new):
        if os.path.basename(old) == "new":
            raise OSError(5, "Input/output error")
        rename(old, new)

    monkeypatch.setattr(owned.os, "rename", broken)
    with pytest.raises(InputError, match="core: cannot be written .Input/output error"):
        core(path, "new")
    assert whole(path, KIND) and (path / "files.f").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["core"]


def test_a_missing_file_is_not_whole(tmp_path):
    path = core(tmp_path / "core")
    assert whole(path, KIND) and not whole(path, "a project") and not whole(tmp_path, KIND)
    (path / "mem" / "a.hex").unlink()
    assert not whole(path, KIND) and not whole(path / "files.f", KIND)


STRANGE = {
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe"),
    "nothing": lambda path: path.write_bytes(b""),
    "too large": lambda path: (path.write_text(f"{owned._first(KIND)}\n"),
                               os.truncate(path, limits.MANIFEST_BYTES + 1)),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_a_list_that_is_no_list_is_not_waited_for(tmp_path, strange):
    """A pipe would be waited for without end: an alarm ends that."""
    path = core(tmp_path / "core")
    (path / LIST).unlink()
    STRANGE[strange](path / LIST)
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(10)
    try:
        assert read_list(path, KIND) is None and not whole(path, KIND)
        with pytest.raises(InputError, match="in the way, and not a core by its SHA256SUMS"), \
                whole_folder(path, KIND):
            pass
    finally:
        signal.alarm(0)
