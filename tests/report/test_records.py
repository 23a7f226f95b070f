"""Records: what is stored says all that it must, and the README says the same."""

import json

import pytest

from fsrcnnx.cli import console
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove import pnr
from fsrcnnx.report import records
from scripts import record as script

SILICON = script.SILICON
STORED = sorted(SILICON.glob("*.json"))
README = (SILICON.parent / "README.md").read_text(encoding="utf-8").splitlines()
RECIPE = next(iter(records.RECORDS.values()))
LOG = """Info: 	          TRELLIS_FF:   28477/  83640    34%
Info: Routing..
Info:     iter=3 wires=9 overused=12 overuse=13 archfail=NA
Info:     iter=9 wires=9 overused=0 overuse=0 archfail=0
Info: Max frequency for clock '$glbnet$aclk': 166.00 MHz (PASS at 165.00 MHz)
"""


@pytest.fixture
def stored(tmp_path):
    """A record of a made-up run: its folder and itself."""
    core, out, silicon = (tmp_path / name for name in ("core", "out", "silicon"))
    for folder in (core, out, silicon):
        folder.mkdir()
    (core / "top.sv").write_text("module fsrcnnx_top (); endmodule\n")
    (core / "files.f").write_text("top.sv\n")
    model = Model.open(RECIPE.model)
    (core / "manifest.json").write_text(json.dumps({
        "network": RECIPE.model, "content_hash": model.content_hash, "engine": "adders",
        "layers": [{"name": "feature"}], "max_width": 1920, "max_height": 1080,
        "clocks_per_frame": 1921 * 1081}))
    (out / "netlist.json").write_text("{}")
    (out / "seed-2.log").write_text(LOG)
    best = {"seed": 2, "clock_mhz": 166.0, "utilisation": {
        key: {"used": 1000, "available": 2000} for key in ("lut", "ff", "ebr", "dsp")}}
    report = {"made_by": "x", "network": RECIPE.model, "content_hash": model.content_hash,
              "part": "LFE5U-85F-8", "order": {}, "layer": "", "device": RECIPE.device,
              "speed": 8, "mhz": RECIPE.mhz, "best": best, "key": "0" * 64,
              "tools": {"yosys": "a 1", "nextpnr-ecp5": "b 2"},
              "seeds": [{"seed": 1, "failed": "not routed"}, best,
                        {"seed": 3, "clock_mhz": 150.5}]}
    return silicon, records.store(RECIPE, core, out, report, 36.37, silicon)


def test_seeds_of_the_same_netlist_stay_beside_new_ones(stored, tmp_path):
    silicon, record = stored
    log = (silicon / f"{RECIPE.name}.log").read_text()

    def again(seed, clock, netlist="{}", **changes):
        (tmp_path / "out" / "netlist.json").write_text(netlist)
        (tmp_path / "out" / f"seed-{seed}.log").write_text(LOG.replace("166.00", f"{clock:.2f}"))
        new = record["best"] | {"seed": seed, "clock_mhz": clock}
        report = record | {"seeds": [new], "best": new} | changes
        return records.store(RECIPE, tmp_path / "core", tmp_path / "out", report, 36.37, silicon)

    slower = again(4, 160.0)
    assert [one["seed"] for one in slower["seeds"]] == [1, 2, 3, 4]
    assert slower["best"] == record["best"]
    assert (silicon / f"{RECIPE.name}.log").read_text() == log
    faster = again(1, 170.0)
    assert [one.get("clock_mhz") for one in faster["seeds"]] == [170.0, 166.0, 150.5, 160.0]
    assert faster["best"]["seed"] == 1 and faster["core"]["frames_per_second"] == 81.9
    assert "170.00 MHz" in (silicon / f"{RECIPE.name}.log").read_text()
    assert [one["seed"] for one in again(5, 90.0, key="1" * 64)["seeds"]] == [5]
    assert [one["seed"] for one in again(6, 90.0, netlist="{} ", key="1" * 64)["seeds"]] == [6]


def test_a_record_says_its_rate_and_its_row(stored):
    silicon, record = stored
    path = silicon / f"{RECIPE.name}.json"
    assert records.read(path) == record and records.is_shipped(record)
    assert record["core"]["clocks_per_frame"] == 1921 * 1081
    assert record["core"]["frames_per_second"] == 79.9
    assert records.row(record) == (
        f"| fsrcnn-x_x2_w4a8 `{record['content_hash'][:8]}`, 36.37 dB | LFE5U-85F-8 | "
        "1920x1080 at 79.9 | 166.0 MHz, seed 2 (others: 150.5) | 1,000 / 1,000 / 1000 / 1000 | "
        "`make record RECORD=fsrcnn-x_x2_w4a8-1920-ecp5-85` |")
    log = (silicon / f"{RECIPE.name}.log").read_text()
    assert "overused=0" in log and "TRELLIS_FF" in log and "overused=12" not in log
    assert not records.is_shipped(record | {"content_hash": "0" * 64})


@pytest.mark.parametrize("change", [
    {"best": {}}, {"content_hash": "abc"}, {"tools": {"yosys": "a"}}, {"name": "other"},
    {"tools": {"yosys": "", "nextpnr-ecp5": "b"}}, {"core": None}])
def test_what_is_no_record_is_refused(stored, change):
    silicon, record = stored
    path = silicon / f"{RECIPE.name}.json"
    path.write_text(json.dumps(record | change))
    with pytest.raises(InputError, match="not a record"):
        records.read(path)


def test_a_card_of_another_network_is_refused(tmp_path):
    model = Model.open(RECIPE.model)
    card = model.path.with_name("card.md")
    assert 30 < records.quality(card, model.content_hash) < 40
    for path, content_hash in ((card, "0" * 64), (tmp_path / "card.md", model.content_hash)):
        with pytest.raises(ModelError, match="no Set5 in a card of this network"):
            records.quality(path, content_hash)


def test_the_script_lists_and_says_what_is_not_of_today(stored, capsys):
    silicon, record = stored
    assert console.outcome(script.main, ["--silicon", str(silicon)]) == 0
    assert capsys.readouterr().out == f"{records.row(record)}\n"
    old = record | {"content_hash": "0" * 64}
    (silicon / f"{RECIPE.name}.json").write_text(json.dumps(old))
    assert console.outcome(script.main, ["--silicon", str(silicon)]) == 0
    assert capsys.readouterr().out == (f"{records.row(old)}\n"
                                       f"  not of today's {RECIPE.model}\n")
    assert console.outcome(script.main, ["other"]) == 2
    assert f"allowed: {RECIPE.name}, " in capsys.readouterr().err


def test_stored_records_are_whole_and_in_the_readme():
    for path in STORED:
        check(path, records.read(path))


def check(path, record):
    """Hold a stored record against its recipe, its log and the README."""
    recipe = records.RECORDS[record["name"]]
    assert (record["network"], record["device"], record["speed"], record["mhz"]) == (
        recipe.model, recipe.device, recipe.speed, recipe.mhz)
    assert record["part"] == f"{pnr.PARTS[recipe.device].name}-{recipe.speed}"
    assert record["core"]["max_width"] == recipe.width
    assert record["best"] in record["seeds"]
    assert all("seed" in one and "log_sha256" in one for one in record["seeds"])
    assert record["best"]["utilisation"]["dsp"]["used"] == 0
    log = path.with_suffix(".log").read_text()
    assert f"{record['best']['clock_mhz']:.2f} MHz" in log
    assert records.row(record) in README


def test_the_readme_has_no_record_that_is_not_stored():
    rows = {line for line in README if "`make record RECORD=" in line}
    assert rows == {records.row(records.read(path)) for path in STORED}
