"""Builds are made once, whole or not at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fsrcnnx.prove.cache import cached, content_key


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
