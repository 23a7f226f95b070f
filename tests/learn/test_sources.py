"""What a data file says of the pictures that it was made of, and what is refused for it."""

import logging
import os

import h5py
import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.learn import sources, store, torchfile
from fsrcnnx.learn.data import fingerprint, prepare, read_patches, read_pictures
from fsrcnnx.learn.quantising import level
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.quantising.rework import straighten
from fsrcnnx.learn.training.train import train


@pytest.fixture
def pictures(tmp_path):
    """A folder of six small pictures, one in a folder of its own."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(noise).save(folder / ("deep" if number == 5 else "") / f"{number}.png")
    return folder


def made(pictures, output, **options):
    """Prepare, and read the note."""
    prepare(pictures, output, 2, patch=16, progress=False, **options)
    return sources.read(output)


def test_a_file_says_what_it_was_made_of(pictures, tmp_path):
    note = made(pictures, tmp_path / "t.h5", holdout=3)
    assert list(note.pictures) == ["0.png", "1.png", "2.png", "3.png", "4.png", "deep/5.png"]
    assert note.used() == ["0.png", "1.png", "3.png", "4.png"]
    assert len(set(note.pictures.values())) == 6
    assert (note.scale, note.protocol, note.holdout, note.patch) == (2, "paper", 3, 16)
    other = made(pictures, tmp_path / "e.h5", holdout=3, evaluation=True)
    assert other.used() == ["2.png", "deep/5.png"] and other.evaluation
    assert sources.facts(note, other) == {"pictures": 4, "holdout": 3, "protocol": "paper",
                                          "augment": False, "held_out": 2,
                                          "trained_on": note.fingerprint()}
    assert sources.facts(None, None) == {}


@pytest.mark.parametrize(("change", "says"), [
    (lambda folder: (folder / "0.png").unlink(), "1 gone (0.png)"),
    (lambda folder: (folder / "1.png").write_bytes((folder / "2.png").read_bytes()),
     "1 changed (1.png)"),
    (lambda folder: [(folder / f"{name}.png").write_bytes((folder / "2.png").read_bytes())
                     for name in "6789"], r"4 new (6.png, 7.png, 8.png, ...)"),
    (lambda folder: (folder / "deep" / "5.png").rename(folder / "5.png"),
     "1 new (5.png); 1 gone (deep/5.png)")])
def test_a_file_is_made_again_only_when_its_pictures_change(pictures, tmp_path, caplog, change,
                                                            says):
    caplog.set_level(logging.INFO)
    output = tmp_path / "t.h5"
    made(pictures, output)
    stamp = output.stat().st_mtime_ns
    for path in pictures.rglob("*.png"):
        os.utime(path)  # a copy of the same is the same
    assert prepare(pictures, output, 2, patch=16, if_changed=True, progress=False) == 0
    assert output.stat().st_mtime_ns == stamp
    assert f"{output}: left, made of these 6 pictures" in caplog.text
    change(pictures)
    assert prepare(pictures, output, 2, patch=16, if_changed=True, progress=False) > 0
    assert f"{output}: made again: {says}\n" in caplog.text
    assert not sources.look(pictures, sources.read(output)).differences(sources.read(output))


@pytest.mark.parametrize("option", [{"holdout": 2}, {"augment": True}, {"protocol": "seed"},
                                    {"stride": 8}, {"evaluation": True}])
def test_a_file_is_made_again_for_another_setting(pictures, tmp_path, caplog, option):
    caplog.set_level(logging.INFO)
    made(pictures, tmp_path / "t.h5")
    prepare(pictures, tmp_path / "t.h5", 2, patch=16, **option, if_changed=True, progress=False)
    key, = option
    assert f"made again: {key} {option[key]}, was " in caplog.text


def test_a_file_without_a_note_is_made_again_and_trained_on(pictures, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    train_file, eval_file = tmp_path / "t.h5", tmp_path / "e.h5"
    made(pictures, train_file, holdout=2)
    made(pictures, eval_file, evaluation=True)
    with h5py.File(train_file, "a") as file:
        del file[sources.KEY]
    assert sources.read(train_file) is None
    train(train_file, eval_file, tmp_path / "out", 2, steps=1, batch_size=2, name="d2s1m0f1l2_x2",
          progress=False)
    prepare(pictures, train_file, 2, patch=16, if_changed=True, progress=False)
    assert "made again: it does not say of what it was made" in caplog.text


@pytest.mark.parametrize(("first", "second"), [(0, 3), (2, 3), (3, 0)])
def test_held_out_pictures_are_not_trained_on(pictures, tmp_path, first, second):
    files = tmp_path / "t.h5", tmp_path / "e.h5"
    made(pictures, files[0], holdout=first)
    made(pictures, files[1], holdout=second, evaluation=True)
    says = f"hold-out of {first} and {second}; allowed: .* fix: prepare both again"
    with pytest.raises(InputError, match=rf"t\.h5: [1-6] of its pictures are held out.*{says}"):
        train(*files, tmp_path / "out", 2, steps=1, progress=False)
    assert not (tmp_path / "out").exists()
    weights = train(*(made(pictures, tmp_path / name, holdout=3, evaluation=name == "b.h5")
                      and tmp_path / name for name in ("a.h5", "b.h5")), tmp_path / "out", 2,
                    steps=1, name="d2s1m0f1l2_x2", batch_size=2, progress=False).best
    with pytest.raises(InputError, match="are held out in"):
        quantise(weights, *files, tmp_path / "w.pth", steps=0, progress=False)


@pytest.fixture
def trained(pictures, tmp_path):
    """Training and evaluation files, weights of them, and the same weights quantised."""
    files = tmp_path / "t.h5", tmp_path / "e.h5"
    for path in files:
        made(pictures, path, holdout=3, evaluation=path == files[1])
    best = train(*files, tmp_path / "out", 2, steps=1, name="d2s1m0f1l2_x2", batch_size=2,
                 progress=False).best
    quantise(best, *files, tmp_path / "q.pth", steps=0, progress=False)
    return files, best, tmp_path / "q.pth"


def changed(weights, **facts):
    """Write other facts of the training into a weights file; None takes one away."""
    content = torchfile.read(weights, 1 << 24)
    told = {**content["training"], **facts}
    content["training"] = {key: value for key, value in told.items() if value is not None}
    torchfile.save(content, weights)


@pytest.mark.parametrize("noted", [True, False])
def test_weights_go_on_with_the_pictures_that_they_were_trained_on(pictures, tmp_path, trained,
                                                                   capsys, noted):
    files, best, quantised = trained
    mark = store.read_weights(best)["training"]["trained_on"]
    for path in files:
        made(pictures, path, holdout=2, evaluation=path == files[1])
    found = f"pictures {sources.read(files[0]).fingerprint()}"
    if not noted:
        found = "it does not say of what it was made"
        with h5py.File(files[0], "a") as file:
            del file[sources.KEY]
    for command, weights in (("quantise", best), ("slim", quantised), ("level", quantised)):
        output = tmp_path / "new.pth"
        assert console.outcome(cli.main, [command, *map(str, (weights, *files)), "-o",
                                          str(output)]) == 2
        said = capsys.readouterr().err
        assert f"{files[0]}: {found}, but {weights} was trained on pictures {mark}; allowed" in said
        assert "fix: prepare the data as they were then (folder and --holdout), or train" in said
        assert not output.exists()


def test_weights_that_do_not_say_their_pictures_go_on_with_any(pictures, tmp_path, trained,
                                                                    monkeypatch):
    monkeypatch.setattr(level, "BATCHES", 3)
    files, best, quantised = trained
    for path in files:
        made(pictures, path, holdout=2, evaluation=path == files[1])
    for weights in (best, quantised):
        changed(weights, trained_on=None)
    quantise(best, *files, tmp_path / "new.pth", steps=0, progress=False)
    # its maps are finer than their sums in places
    straighten(quantised, *files, tmp_path / "even.pth", progress=False)


def test_the_same_pictures_may_be_cut_otherwise(pictures, tmp_path, trained):
    (_, measured), best, _ = trained
    made(pictures, tmp_path / "finer.h5", holdout=3, stride=4)
    quantise(best, tmp_path / "finer.h5", measured, tmp_path / "w.pth", steps=0, progress=False)


def test_a_fingerprint_that_is_none_is_refused(trained):
    for mark in (7, "", "0" * 13, "A" * 12, "0" * 12 + "\n", ["0" * 12]):
        changed(trained[1], trained_on=mark)
        with pytest.raises(ModelError, match="training.trained_on is .*12 hexadecimal digits"):
            store.read_weights(trained[1])


def test_pictures_of_other_folders_may_be_held_out_otherwise(pictures, tmp_path):
    (tmp_path / "other").mkdir()
    for number in range(2):
        noise = np.random.default_rng(90 + number).integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "other" / f"{number}.png")
    made(pictures, tmp_path / "t.h5", holdout=3)
    made(tmp_path / "other", tmp_path / "e.h5", evaluation=True)
    assert len(sources.check_held_out(tmp_path / "t.h5", tmp_path / "e.h5")) == 2


def test_a_picture_that_is_there_twice_stops_nobody(pictures, tmp_path):
    (pictures / "2.png").write_bytes((pictures / "0.png").read_bytes())
    made(pictures, tmp_path / "t.h5", holdout=3)
    made(pictures, tmp_path / "e.h5", holdout=3, evaluation=True)
    sources.check_held_out(tmp_path / "t.h5", tmp_path / "e.h5")


@pytest.mark.parametrize("note", [
    b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100000, b'{"scale": 2}', b'{"scale": 1' + b"0" * 5000
    + b"}"])
def test_a_note_that_is_none_is_said_in_one_line(pictures, tmp_path, note):
    made(pictures, tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "a") as file:
        del file[sources.KEY]
        file[sources.KEY] = np.frombuffer(note, "u1")
    with pytest.raises(InputError, match="made_of.*prepare"):
        sources.read(tmp_path / "t.h5")


@pytest.mark.parametrize(("key", "value"), [
    ("scale", "2"), ("holdout", True), ("pictures", {"a": 1}), ("pictures", []), ("more", 1)])
def test_a_note_of_other_types_is_refused(pictures, tmp_path, key, value):
    import json

    made(pictures, tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "a") as file:
        content = json.loads(file[sources.KEY][:].tobytes()) | {key: value}
        del file[sources.KEY]
        file[sources.KEY] = np.frombuffer(json.dumps(content).encode(), "u1")
    with pytest.raises(InputError, match="damaged.*prepare it again"):
        sources.read(tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "a") as file:
        del file[sources.KEY]
        file[sources.KEY] = np.zeros(9)
    with pytest.raises(InputError, match="9 values of type float64"):
        sources.read(tmp_path / "t.h5")


def test_data_is_named_by_its_content(pictures, tmp_path):
    made(pictures, tmp_path / "t.h5")
    made(pictures, tmp_path / "e.h5", evaluation=True)
    patches, pairs = read_patches(tmp_path / "t.h5", 2), read_pictures(tmp_path / "e.h5", 2)
    name = fingerprint(patches, pairs)
    assert name == fingerprint(patches, pairs) and len(name) == 12
    patches[0][0, 0, 0] += 1
    assert fingerprint(patches, pairs) != name
    assert fingerprint(read_patches(tmp_path / "t.h5", 2), pairs[1:]) != name


def test_the_command_takes_the_scale_of_a_network(pictures, tmp_path, capsys):
    def run(*options):
        code = console.outcome(cli.main, ["prepare", str(pictures), "-o", str(tmp_path / "e.h5"),
                                          "--eval", *options])
        return code, capsys.readouterr().err
    assert run("--model", "d4s2m0f1l3_x3")[0] == 0
    assert sources.read(tmp_path / "e.h5").scale == 3
    assert "scale 2; allowed: 3, as" in run("--model", "d4s2m0f1l3_x3", "--scale", "2")[1]
    assert "--model: unknown model 'd4_x3'; allowed" in run("--model", "d4_x3")[1]
