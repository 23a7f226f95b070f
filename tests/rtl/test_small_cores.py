"""Cores at the edges of the parameters are lint clean too: one product a sum, no slope.

The line memories are as large as the manifest says.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx import tools
from fsrcnnx.emit.rtl.folder import emit
from tests.networks import random_network

LINT = Path(__file__).parents[2] / "scripts" / "lint.py"


def line_bits_in_yosys(folder):
    """Bits of every layer's line memories, as Yosys elaborates them: gen_layer[l] -> bits."""
    files = (folder / "files.f").read_text().split()
    script = (f"read_verilog -sv {' '.join(files)}; hierarchy -top fsrcnnx_core; proc; flatten; "
              "memory_collect; write_json netlist.json")
    subprocess.run([tools.find("yosys"), "-q", "-p", script], cwd=folder, check=True)
    netlist = json.loads((folder / "netlist.json").read_text())
    bits = Counter()
    for name, cell in netlist["modules"]["fsrcnnx_core"]["cells"].items():
        if "u_column" in name and "fsrcnnx_line_ram" in cell["type"]:  # its hierarchy is kept
            layer = int(re.search(r"gen_layer\[(\d+)\]", name)[1])
            for own in netlist["modules"][cell["type"]]["cells"].values():
                if own["type"] == "$mem_v2":
                    size, width = (int(own["parameters"][key], 2) for key in ("SIZE", "WIDTH"))
                    bits[layer] += size * width
    return bits


@pytest.mark.sim
@pytest.mark.parametrize("anchor", [False, True])
def test_the_manifest_counts_the_line_memories(tmp_path, anchor):
    network = random_network(np.random.default_rng(1), channels=(2, 3, 2), kernels=(3, 1, 5, 3),
                             anchor=anchor)
    told = emit(network, tmp_path / "rtl", cycles_per_pixel=64, max_width=20)
    found = line_bits_in_yosys(tmp_path / "rtl")
    assert [layer["line_bits"] for layer in told["layers"]] == [found[i] for i in range(4)]
    # the anchor waits for the lines below the centre, in every window but the first
    assert sum(found.values()) - 20 * 8 * (2 + 4*3 + 1*2) == (20 * 8 * (2 + 1) if anchor else 0)


@pytest.mark.sim
@pytest.mark.parametrize(("network", "core"), [
    ({"channels": (2,), "kernels": (1, 3)}, {"cycles_per_pixel": 64}),
    ({"channels": (), "kernels": (3,)}, {"cycles_per_pixel": 1}),
    ({"channels": (), "kernels": (3,), "anchor": True}, {"cycles_per_pixel": 1}),
    ({"channels": (2, 2), "kernels": (9, 1, 5), "scale": 1, "last": "conv", "anchor": True},
     {"cycles_per_pixel": 64}),
    ({"channels": (3, 2), "kernels": (5, 3, 9), "scale": 3, "prelu": False}, {"max_width": 33}),
    ({"channels": (2,), "kernels": (3, 3), "scale": 3, "last": "shuffle", "anchor": True}, {}),
    ({"channels": (), "kernels": (1,), "last": "shuffle"}, {"cycles_per_pixel": 1}),
    ({"channels": (12,), "kernels": (3, 5), "weight_bits": 3, "anchor": True},
     {"engine": "adders", "max_width": 16}),
])
def test_every_tool_takes_the_core_without_a_warning(tmp_path, network, core):
    emit(random_network(np.random.default_rng(1), **network), tmp_path / "rtl", **core)
    done = subprocess.run([sys.executable, str(LINT), str(tmp_path / "rtl")],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
