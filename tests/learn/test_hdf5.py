"""HDF5 files are strangers, and a full disk is no reason to crash."""

import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pytest
from PIL import Image

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.learn import hdf5
from fsrcnnx.learn.data import prepare, read_patches, read_pictures


def pair(file, lr, hr, folder=""):
    """Put LR and HR data into a file, at any names."""
    file[f"{folder}lr"], file[f"{folder}hr"] = lr, hr


def pixels(*shape):
    """Random pixels, 16..235."""
    return np.random.default_rng(1).integers(16, 236, shape, dtype=np.uint8)


LR, HR = pixels(5, 4, 4), pixels(5, 8, 8)


@pytest.fixture
def train(tmp_path):
    """Path of a valid training file, open for changes."""
    with h5py.File(tmp_path / "t.h5", "w") as file:
        pair(file, LR, HR)
    return tmp_path / "t.h5"


def refused(path, says, read=read_patches):
    """The file is refused in one short line that names it."""
    with pytest.raises(InputError, match=says) as caught:
        read(path, 2)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("options", [{}, {"chunks": (2, 4, 4)}, {"compression": "gzip"},
                                     {"compression": "lzf", "shuffle": True, "fletcher32": True}])
def test_pixels_of_any_number_are_read(train, dtype, options):
    with h5py.File(train, "w") as file:
        for key, data in (("lr", LR), ("hr", HR)):
            file.create_dataset(key, data=data.astype(dtype), **options)
    lr, hr = read_patches(train, 2)
    assert np.array_equal(lr, LR) and np.array_equal(hr, HR)


def test_what_a_bicubic_left_beyond_the_range_is_clipped(train):
    with h5py.File(train, "a") as file:
        del file["hr"]
        file["hr"] = np.where(HR > 200, 270.4, np.where(HR < 30, -12.6, HR))
    want = np.where(HR > 200, 255, np.where(HR < 30, 0, HR))
    assert np.array_equal(read_patches(train, 2)[1], want)


@pytest.mark.parametrize(("value", "says"), [
    (np.nan, "dataset hr: holds NaN or infinity"), (np.inf, "dataset hr: holds NaN or infinity"),
    (1e6, "values of .* to 1000000"), (-65.0, "values of -65"),
    (lambda hr: hr / 255, "values of up to 0.9.*multiply them by 255")])
def test_what_is_no_pixel_is_refused(train, value, says):
    data = HR.astype(np.float64)
    if callable(value):
        data = value(data)
    else:
        data[3, 2, 1] = value
    with h5py.File(train, "a") as file:
        del file["hr"]
        file["hr"] = data
    refused(train, says)


@pytest.mark.parametrize(("data", "says"), [
    (np.array(["a", "b"], dtype=h5py.string_dtype()), "type object; allowed: integers or floating"),
    (np.zeros((5, 8, 8), complex), "type complex128"), (np.zeros((5, 8, 8), bool), "type bool"),
    (np.zeros((5, 8, 8), [("a", "u1")]), "type "), (h5py.Empty("u1"), "of shape None"),
    (np.zeros((0, 8, 8)), r"\(0, 8, 8\).*each at least 1"), (np.zeros(5), "3 dimensions"),
    (np.zeros((4, 8, 8)), r"\(5, 4, 4\) and \(4, 8, 8\)"), (np.zeros((5, 8, 9)), "is not x2"),
    (np.zeros((5, 12, 12)), "is not x2")])
def test_what_is_no_patches_is_refused(train, data, says):
    with h5py.File(train, "a") as file:
        del file["hr"]
        file["hr"] = data
    refused(train, says)


def bomb(file, key, shape, **options):
    """A dataset that claims a lot and stores almost nothing."""
    data = file.create_dataset(key, shape, "u1", **options)
    if options.get("compression"):
        data[:2] = 0


@pytest.mark.parametrize(("options", "says"), [
    ({}, "more than such a file can hold"), ({"chunks": (1, 64, 64)}, "more than such a file can"),
    ({"chunks": (256, 64, 64), "compression": "gzip"}, "more than such a file can hold"),
    ({"chunks": (512, 64, 64), "compression": "gzip"}, "chunks of 2097152 bytes")])
def test_a_bomb_is_refused_before_anything_is_allocated(tmp_path, options, says):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for key in ("lr", "hr"):
            bomb(file, key, (1 << 20, 64, 64), **options)
    assert (tmp_path / "t.h5").stat().st_size < 50000
    tracemalloc.start()
    with pytest.raises(InputError, match=says), hdf5.opened(tmp_path / "t.h5") as file:
        file.pixels("hr", 3)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_a_chunk_that_unpacks_beyond_its_data_is_refused(tmp_path):
    import zlib
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for key, side in (("lr", 4), ("hr", 8)):
            data = file.create_dataset(key, (5, side, side), "u1", chunks=(5, side, side),
                                       compression="gzip")
            data.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(1 << 20)))
    refused(tmp_path / "t.h5", "a chunk larger than its data")


def test_many_names_of_one_picture_are_not_read_many_times(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        pair(file, pixels(100, 100), pixels(200, 200), folder="one/")
        for number in range(500):
            for key in ("lr", "hr"):
                file[f"{key}/{number}"] = file[f"one/{key}"]
    refused(tmp_path / "e.h5", "more than such a file can hold", read_pictures)


def test_one_line_of_a_billion_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "DATA_PICTURE", 1000)
    with h5py.File(tmp_path / "e.h5", "w") as file:
        pair(file, pixels(40, 40), pixels(80, 80))
    with hdf5.opened(tmp_path / "e.h5") as file, pytest.raises(InputError, match="pictures of at"):
        file.pixels("hr", 2)


@pytest.fixture
def secret(tmp_path):
    """A file of the machine that is none of the data's business."""
    (tmp_path / "secret").write_bytes(HR.tobytes())
    return tmp_path / "secret"


def test_raw_files_beside_are_not_read(train, secret):
    with h5py.File(train, "a") as file:
        del file["hr"]
        file.create_dataset("hr", HR.shape, "u1", external=[(str(secret), 0, HR.size)])
        assert np.array_equal(file["hr"], HR)  # the library alone would read it
    refused(train, "refers to other files")


@pytest.mark.parametrize("link", [
    lambda folder: h5py.ExternalLink(str(folder / "other.h5"), "/hr"),
    lambda folder: h5py.SoftLink("/lr")])
def test_links_are_not_followed(train, tmp_path, link):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        pair(file, LR, HR)
    with h5py.File(train, "a") as file:
        del file["hr"]
        file["hr"] = link(tmp_path)
    refused(train, "not a training file")
    with h5py.File(tmp_path / "e.h5", "w") as file:
        pair(file, LR[0], HR[0])
        file["a/lr"], file["a/hr"] = LR[0], HR[0]
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["lr/0"] = LR[0]
        file["hr"] = h5py.ExternalLink("e.h5", "/a")
    refused(tmp_path / "f.h5", "not an evaluation file", read_pictures)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["lr/0"] = LR[0]
        file["hr/0"] = h5py.ExternalLink("e.h5", "/hr")
    refused(tmp_path / "f.h5", "not in the file itself", read_pictures)


def test_virtual_data_are_not_read(train, tmp_path):
    layout = h5py.VirtualLayout(HR.shape, "u1")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["hr"] = HR
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "hr", HR.shape)
    with h5py.File(train, "a") as file:
        del file["hr"]
        file.create_virtual_dataset("hr", layout)
        assert np.array_equal(file["hr"], HR)
    refused(train, "refers to other files")


def test_a_damaged_file_is_refused_or_read_and_nothing_else(train):
    with h5py.File(train, "w") as file:
        file.create_dataset("lr", data=LR, chunks=(2, 4, 4))
        file.create_dataset("hr", data=HR, chunks=(2, 8, 8), compression="gzip")
    whole, rng = train.read_bytes(), np.random.default_rng(3)
    results = set()
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), rng.integers(1, 9)):
            data[at] = rng.choice([0, 1, 127, 255])
        train.write_bytes(data[:rng.integers(1, len(data))] if rng.random() < 0.1 else data)
        try:
            results.add(read_patches(train, 2)[1].shape)
        except InputError as error:
            assert len(str(error)) < 700
            results.add("refused")
    assert "refused" in results and HR.shape in results


def test_a_picture_that_is_all_edge_is_refused_before_a_training_meets_it(tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels(5, 60)).save(tmp_path / "in" / "thin.png")
    with pytest.raises(InputError, match=r"thin\.png: 60x5 pixels are too few; allowed: 6 each"):
        prepare(tmp_path / "in", tmp_path / "e.h5", 2, evaluation=True, progress=False)
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["lr/a"], file["hr/a"] = pixels(2, 30), pixels(4, 60)
    refused(tmp_path / "e.h5", "60x4 pixels are too few", read_pictures)


def test_a_picture_that_is_none_is_said_before_the_others_are_read(tmp_path, monkeypatch):
    for name in ("a.png", "b.png", "z.png"):
        Image.fromarray(pixels(70, 70)).save(tmp_path / name)
    (tmp_path / "m.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setattr("fsrcnnx.learn.data.read_luma", lambda path: pytest.fail("work was done"))
    with pytest.raises(InputError, match=r"m\.png"):
        prepare(tmp_path, tmp_path / "t.h5", 2, progress=False)
    (tmp_path / "m.png").unlink()
    (tmp_path / "n.png").symlink_to("nothing")
    with pytest.raises(InputError, match=r"n\.png: no such file"):
        prepare(tmp_path, tmp_path / "t.h5", 2, progress=False)
    assert not list(tmp_path.glob("*t.h5"))


def test_pictures_of_a_few_pixels_are_left_out_of_all_sizes(tmp_path):
    (tmp_path / "in").mkdir()
    for side in (1, 2, 70):
        Image.fromarray(pixels(side, side)).save(tmp_path / "in" / f"{side}.png")
    assert prepare(tmp_path / "in", tmp_path / "t.h5", 2, augment=True, progress=False) == 4


PREPARE = """
import resource, sys
from pathlib import Path
from fsrcnnx.errors import InputError
from fsrcnnx.learn.data import prepare
for size, evaluation in ((0, 0), (2000, 1), (30000, 0), (100000, 1), (100000, 0)):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        prepare(sys.argv[1], Path(sys.argv[1]).parent / "t.h5", 2, evaluation=bool(evaluation))
    except InputError as error:
        print(error)
"""


def test_a_full_disk_ends_a_preparation_in_one_line(tmp_path):
    """In a process of its own, for HDF5 crashed at the end of it."""
    (tmp_path / "in").mkdir()
    for name in "abc":
        Image.fromarray(pixels(200, 200)).save(tmp_path / "in" / f"{name}.png")
    done = subprocess.run([sys.executable, "-c", PREPARE, tmp_path / "in"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert all(line.startswith(f"{tmp_path}/t.h5: cannot be written (File too large)")
               for line in lines)
    assert "rror" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_what_a_nearly_full_disk_refused_is_read_back_from_memory(tmp_path, full_disk):
    """HDF5 reads what it wrote; all of it must come back whatever the disk took."""
    with full_disk(1000):
        kept = hdf5._Kept(tmp_path / "a")
        assert (kept.write(bytes(range(256)) * 3), kept.write(b"a" * 500), kept.tell()) \
            == (768, 500, 1268)
        kept.seek(900)
        kept.write(b"b" * 200)
        for start, size in ((0, 768), (700, 500), (1200, 200)):
            kept.seek(start)
            want = (bytes(range(256)) * 3 + b"a" * 132 + b"b" * 200 + b"a" * 168 + bytes(200))
            assert kept.read(size) == want[start:start + size]
        assert kept.seek(0, 2) == 1268
        with pytest.raises(OSError, match="too large"):
            kept.check()
        kept.file.close()


@pytest.mark.parametrize("number", [1, 2, 7])
def test_an_interruption_within_a_write_ends_it(tmp_path, monkeypatch, number):
    real, calls = hdf5._Kept.__init__, []

    class Interrupted:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            calls.append(len(data))
            if len(calls) == number:
                raise KeyboardInterrupt
            return self.file.write(data)

    def init(self, path):
        real(self, path)
        self.file = Interrupted(self.file)
    monkeypatch.setattr(hdf5._Kept, "__init__", init)
    with pytest.raises(KeyboardInterrupt), hdf5.written(tmp_path / "a.h5") as (file, check):
        data = file.create_dataset("a", (0, 64), "u1", maxshape=(None, 64), chunks=(16, 64))
        for count in range(1, 2000):
            data.resize(16 * count, axis=0)
            data[-16:] = 7
            check()
    assert len(calls) >= number and not list(tmp_path.iterdir())
