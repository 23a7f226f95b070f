"""Files and folders appear whole or not at all."""

import errno
import stat

import pytest
from PIL import Image

from fsrcnnx.cli.console import check_json
from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, check_folder, made, scratch
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
    check_json(folder / "a.json")


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
