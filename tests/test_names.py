"""Names of networks and layers: what may be one, and what becomes of a text that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsrcnnx import limits, names
from fsrcnnx.errors import InputError

HOSTILE = ["", "a b", "a\n$system(x)", "a*/b", "a//b", "$(touch x)", "`x`", "a\\", "a\x00",
           "a\u2028b", "a\x85b", "ä", "a\n", "٣", "a;b", "a'b", 'a"b', "../a", "a/b", "-a", ".a",
           "%a", None, 3, b"a", ["a"]]
ANY = st.text(max_size=100)


@pytest.mark.parametrize("name", [*HOSTILE, "a" * (limits.NAME + 1)])
def test_what_is_no_name_is_told(name):
    assert not names.is_network(name)
    assert not names.is_layer(name)


@pytest.mark.parametrize("name", ["fsrcnn-x_x2", "fsrcnnx-a_x2_w4a8-mixed", "a", "3", "v1.2",
                                  "a" * limits.NAME])
def test_a_network_may_be_called_so(name):
    assert names.is_network(name)
    assert names.from_stem(name) == name


@pytest.mark.parametrize("name", ["feature", "_", "map1", "for", "module", "A_9",
                                  "a" * limits.NAME])
def test_a_layer_may_be_called_so(name):
    assert names.is_layer(name)


@pytest.mark.parametrize(("stem", "want"), [
    ("my net (2)", "my_net_2"), ("сеть", "network"), ("", "network"), ("-rf", "rf"),
    ("a" * 300, "a" * limits.NAME), ("x\n$system(\"y\");", "x_system_y"),
])
def test_a_stem_becomes_a_name(stem, want):
    assert names.from_stem(stem) == want


@given(ANY)
def test_any_stem_becomes_a_name(stem):
    assert names.is_network(names.from_stem(stem))


@pytest.mark.parametrize(("text", "want"), [
    ("a\nb", "a b"), ("\x1b[31mred", "\\x1b[31mred"), ("a\u2028b\x85c", "a b c"),
    ("\u202egnp.exe", "\\u202egnp.exe"), ("\udc80", "\\udc80"), ("nul\0", "nul\\x00"),
])
def test_an_error_is_one_line_that_prints(text, want):
    line = str(InputError(text, where=text, allowed=text, fix=text))
    assert line == f"{want}: {want}; allowed: {want}; fix: {want}"
    assert line.isprintable()


def test_an_error_is_no_longer_than_a_person_reads():
    line = str(InputError("w" * 10**6, where="/" * 10**6 + "model.onnx", allowed="a file"))
    assert len(line) < 600
    assert "/model.onnx: www" in line
    assert line.endswith("w; allowed: a file")
