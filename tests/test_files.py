"""Files and folders appear whole or not at all."""

import errno
import os
import socket
import stat

import pytest
from PIL import Image

from fsrcnnx.cli.reports import check_report
from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, check_apart, check_folder, made, scratch
from fsrcnnx.files import check_output as check_file
from fsrcnnx.learn.data import prepare
from fsrcnnx.media.ffmpeg import Codec, check_output
from fsrcnnx.upscale.frames import check_frames


def test_a_finished_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(path) as part:
        assert part.suffix == ".txt" and part.parent == tmp_path
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic(tmp_path / "a") as part:
        part.write_text("")
    mode = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "a")]
    assert mode[0] == mode[1]


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o755])
def test_permissions_of_what_is_replaced_stay(tmp_path, mode):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(mode)
    with atomic(path) as part:
        assert not stat.S_IMODE(part.stat().st_mode) & 0o077  # not even for a while
        part.write_text("new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)


SPECIAL = {
    "a pipe": os.mkfifo,
    "a link": lambda path: path.symlink_to("other"),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_only_a_plain_file_is_replaced(tmp_path, kind):
    (tmp_path / "other").write_text("old")
    path = tmp_path / "a.json"
    SPECIAL[kind](path)
    before = path.lstat()
    with pytest.raises(InputError, match="which would be replaced"), atomic(path):
        pytest.fail("it was begun")
    with pytest.raises(InputError, match="which would be replaced"):
        check_report(path)
    assert path.lstat() == before and (tmp_path / "other").read_text() == "old"
    path.unlink()
    with pytest.raises(InputError, match="which would be replaced"), atomic(path) as part:
        part.write_text("new")
        SPECIAL[kind](path)  # it comes meanwhile
    assert not path.is_file() or path.is_symlink()


def test_a_socket_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made_here:
        made_here.bind("s.json")
        with pytest.raises(InputError, match="a socket or a device"):
            check_report(tmp_path / "s.json")


def test_an_output_is_no_input_by_any_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_text("old")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "link.png").symlink_to("a/x.png")
    real = tmp_path / "a" / "x.png"
    for output, read in ((real, real), (tmp_path / "b" / "x.png", real),
                         (real, tmp_path / "link.png"), (tmp_path / "b" / ".." / "a" / "x.png",
                                                         real)):
        with pytest.raises(InputError, match="the output is the input"):
            check_file(output, [tmp_path / "none", read], (".png",))
    check_apart([tmp_path / "a", tmp_path / "b" / "y.png"], [real])
    with pytest.raises(InputError, match="suffix '.txt'.*allowed: .png .svg"):
        check_file(tmp_path / "y.txt", (), (".png", ".svg"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_writer_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), atomic(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_cannot_be_written_is_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"missing/a.txt: cannot be written \(No such file"), \
            atomic(tmp_path / "missing" / "a.txt") as part:
        part.write_text("")
    with pytest.raises(InputError, match=r"cannot be written \(bad suffix\)"), \
            atomic(tmp_path / "a.txt", ValueError):
        raise ValueError("bad suffix")


def test_a_scratch_folder_goes_whatever_happens(tmp_path):
    for error in (KeyboardInterrupt, ZeroDivisionError, FileNotFoundError(2, "gone")):
        with pytest.raises(type(error) if isinstance(error, OSError) else error), \
                scratch(tmp_path) as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "a").write_text("")
            assert folder.parent == tmp_path
            raise error
    assert not list(tmp_path.iterdir())


def test_a_full_temporary_folder_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be written .No space left on device.;"
                                         " fix: make room there, or set TMPDIR"), scratch():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_folder_made_in_vain_goes_again(tmp_path):
    (tmp_path / "old").mkdir()
    for name, stays in (("a/b", False), ("old", True), ("old/c", False), ("kept", True)):
        with pytest.raises(ZeroDivisionError), made(tmp_path / name):
            assert (tmp_path / name).is_dir()
            if name == "kept":
                (tmp_path / name / "checkpoint").write_text("")
            raise ZeroDivisionError
        assert (tmp_path / name).exists() == stays
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept", "old"]
    with (pytest.raises(InputError, match="checkpoint: cannot be made .*; allowed: a new or"),
          made(tmp_path / "kept" / "checkpoint")):
        pytest.fail("it was begun")


def _json(folder):
    check_report(folder / "a.json")


def _frames(folder):
    Image.new("L", (8, 8)).save(folder.parent / "in" / "a.png")
    check_frames(folder.parent / "in", folder / "out", 2)


def _video(folder):
    check_output(folder / "a.mp4", Codec())


def _data(folder):
    prepare(folder.parent / "in", folder / "a.h5", 2)


@pytest.mark.parametrize("check", [check_folder, _json, _frames, _video, _data])
def test_a_folder_that_takes_no_file_is_said_the_same_way_by_all(tmp_path, monkeypatch, check):
    def no_file(**_):
        raise OSError(errno.EROFS, "Read-only file system")
    (tmp_path / "in").mkdir()
    Image.new("L", (64, 64)).save(tmp_path / "in" / "b.png")
    with pytest.raises(InputError, match=r"out: the folder does not exist; allowed: an existing "
                                         "folder; fix: create it"):
        check(tmp_path / "out")
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("tempfile.TemporaryFile", no_file)
    with pytest.raises(InputError, match=r"out: the folder is not writable \(Read-only file"):
        check(tmp_path / "out")
