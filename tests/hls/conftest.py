"""A tiny hls4ml project, and a stand-in for Vitis HLS that runs its Tcl under tclsh.

The reports of the stand-in are samples, written by hand after the schema that UG1399 and hls4ml's
own reader describe: no figure in them was measured.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import pytest

STUB = Path(__file__).with_name("vitis_stub.tcl")
TOP = "fsrcnnx_hls"
CSYNTH = """<?xml version="1.0" encoding="UTF-8"?>
<profile>
<ReportVersion><Version>2023.2</Version></ReportVersion>
<UserAssignments>
<unit>ns</unit><Part>xcku5p-ffvb676-2-e</Part><TopModelName>{top}</TopModelName>
<TargetClockPeriod>5.00</TargetClockPeriod><ClockUncertainty>1.35</ClockUncertainty>
</UserAssignments>
<PerformanceEstimates>
<PipelineType>dataflow</PipelineType>
<SummaryOfTimingAnalysis>
<unit>ns</unit><EstimatedClockPeriod>4.000</EstimatedClockPeriod>
</SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<unit>clock cycles</unit>
<Best-caseLatency>{latency}</Best-caseLatency><Average-caseLatency>{latency}</Average-caseLatency>
<Worst-caseLatency>{latency}</Worst-caseLatency>
<Interval-min>96</Interval-min><Interval-max>97</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates>
<Resources>
<BRAM_18K>7</BRAM_18K><DSP>11</DSP><FF>1300</FF><LUT>1700</LUT><URAM>0</URAM>
</Resources>
<AvailableResources>
<BRAM_18K>960</BRAM_18K><DSP>1824</DSP><FF>433920</FF><LUT>216960</LUT><URAM>64</URAM>
</AvailableResources>
</AreaEstimates>
</profile>
"""
COSIM = """Report time       : Tue Aug 12 13:00:00 UTC 2026.
Solution          : solution1.
Simulation tool   : xsim.

+----------+----------+-----------------------+-----------------------+----------------------+
|          |          | Latency(Clock Cycles) |Interval(Clock Cycles) | Total Execution Time |
+   RTL    +  Status  +-----------------------+-----------------------+    (Clock Cycles)    +
|          |          |  min  |  avg  |  max  |  min  |  avg  |  max  |                      |
+----------+----------+-----------------------+-----------------------+----------------------+
|      VHDL|        NA|     NA|     NA|     NA|     NA|     NA|     NA|                    NA|
|   Verilog|      Pass|    131|    132|    134|     96|     97|     98|                   612|
+----------+----------+-----------------------+-----------------------+----------------------+
"""


@pytest.fixture(scope="session")
def plain_project(tmp_path_factory) -> Path:
    """A project that hls4ml made alone: one ReLU on a 6x4 frame."""
    pytest.importorskip("hls4ml", reason="hls4ml is not installed; run `make setup`")
    from hls4ml.model import ModelGraph

    folder = tmp_path_factory.mktemp("hls4ml") / "project"
    config = {"OutputDir": str(folder), "ProjectName": TOP, "Backend": "Vitis",
              "IOType": "io_stream", "Part": "xcku5p-ffvb676-2-e", "ClockPeriod": 5,
              "ClockUncertainty": "27%",
              "WriterConfig": {"Namespace": None, "WriteWeightsTxt": True, "WriteTar": False},
              "HLSConfig": {"Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1,
                                      "Strategy": "latency"}}}
    layers = [{"name": "lr", "class_name": "InputLayer", "input_shape": [4, 6, 1]},
              {"name": "hr", "class_name": "Activation", "activation": "relu", "inputs": ["lr"]}]
    with contextlib.redirect_stdout(io.StringIO()):
        model = ModelGraph.from_layer_list(config, layers, ["lr"], ["hr"])
        model.write()
    return folder


@pytest.fixture
def project(plain_project, tmp_path) -> Path:
    """A copy of it with the manifest that `fsrcnnx hls` would write."""
    folder = Path(shutil.copytree(plain_project, tmp_path / "project"))
    (folder / "manifest.json").write_text(json.dumps({
        "network": "tiny", "content_hash": "ab" * 32, "top": TOP, "scale": 2, "width": 6,
        "height": 4, "in_format": "ap_ufixed<8,0>", "out_format": "ap_ufixed<8,0>"}))
    return folder


class Vitis:
    """The stand-in: what it was asked to do, and the samples that it hands out.

    Args:
        folder: Folder for all of it.
        monkeypatch: pytest's.
        name: Name of the executable.
    """

    def __init__(self, folder: Path, monkeypatch, name: str = "vitis_hls"):
        self.samples, self._calls, self._patch = folder / "samples", folder / "calls", monkeypatch
        self.samples.mkdir()
        (folder / "bin").mkdir()
        path = folder / "bin" / name
        path.write_text(f'#!/bin/sh\nexec tclsh {STUB} "$@"\n')
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
        for key, value in (("CALLS", self._calls), ("SAMPLES", self.samples)):
            monkeypatch.setenv(f"VITIS_{key}", str(value))
        self.give(csynth_xml=CSYNTH.format(top=TOP, latency=123), cosim_rpt=COSIM,
                  layer_xml=CSYNTH.format(top="layer", latency="undef"))

    def give(self, **files: str) -> None:
        """Set the contents of samples: csynth_xml is csynth.xml."""
        for name, text in files.items():
            (self.samples / ".".join(name.rsplit("_", 1))).write_text(text)

    def withhold(self, name: str) -> None:
        """Let a file be missing."""
        (self.samples / name).unlink()

    def fail(self, command: str) -> None:
        """Let a command of the tool fail."""
        self._patch.setenv("VITIS_FAILS", command)

    def calls(self) -> list[str]:
        """What it was asked to do, in order."""
        return self._calls.read_text().splitlines()


@pytest.fixture
def vitis(tmp_path, monkeypatch) -> Vitis:
    """The stand-in on PATH as vitis_hls."""
    if not shutil.which("tclsh"):
        pytest.skip("tclsh is not installed; run `make setup`")
    return Vitis(tmp_path, monkeypatch)
