"""Files and folders appear whole or not at all."""

import stat

import pytest

from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, made, whole_folder


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


def test_a_folder_gives_way_to_its_own_kind_alone(tmp_path):
    (tmp_path / "void").mkdir()
    for name in ("void", "core", "core", "deep/core"):
        with whole_folder(tmp_path / name, "a core", "files.f") as folder:
            (folder / "files.f").write_text(name)
        assert (tmp_path / name / "files.f").read_text() == name
    (tmp_path / "project").mkdir()
    for other in ("manifest.json", "thesis.txt"):  # another kind of ours has a manifest too
        (tmp_path / "project" / other).write_text("dear")
    (tmp_path / "file").write_text("dear")
    for name in ("project", "file"):
        with (pytest.raises(InputError, match=f"{name}: in the way, and not a core"),
              whole_folder(tmp_path / name, "a core", "files.f")):
            pytest.fail("it was begun")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["core", "deep", "file", "project", "void"]
    assert len(list((tmp_path / "project").iterdir())) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, OSError(28, "full")])
def test_an_error_leaves_the_old_folder(tmp_path, error):
    path = tmp_path / "core"
    with whole_folder(path, "a core", "files.f") as folder:
        (folder / "files.f").write_text("old")
    with (pytest.raises(InputError if isinstance(error, OSError) else error),
          whole_folder(path, "a core", "files.f") as folder):
        (folder / "files.f").write_text("new")
        raise error
    assert (path / "files.f").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["core"]


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
