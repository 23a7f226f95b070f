"""The transposed convolution's C++ on its own, compiled by g++, against torch in integers.

One program holds every case of the matrix, as a template instantiation each, so that it costs
seconds. float64 holds these integers exactly.
"""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed; run `make setup`")
pytest.importorskip("hls4ml", reason="hls4ml is not installed; run `make setup`")

import torch  # after the checks that they are there

from fsrcnnx.emit.hls.layers import source_dir
from fsrcnnx.emit.hls.transpose import (
    HEADER,
    Shape,
    config_cpp,
    tdc_order,
)
from fsrcnnx.emit.hls.transpose_read import out_size

TEMPLATES = Path(importlib.util.find_spec("hls4ml").origin).parent / "templates" / "vivado"
FRAMES = 3  # back to back, so that nothing of a frame may stay in the buffers

PROGRAM = """
#include "ap_int.h"
#include "%(header)s"
#include <cstdio>
#include <cstdlib>
#include <vector>

typedef ap_int<9> data_t;    // raw values; the ranges are those of the test
typedef ap_int<8> w_t;
typedef ap_int<16> b_t;
typedef ap_int<32> acc_t;

template <class T> void take(T *to, unsigned count) {
    std::vector<short> words(count);
    if (fread(words.data(), sizeof(short), count, stdin) != count) exit(3);
    for (unsigned i = 0; i < count; i++) to[i] = words[i];
}

template <class C> void run() {
    typedef nnet::array<data_t, C::n_chan> in_t;
    typedef nnet::array<acc_t, C::n_filt> out_t;
    static w_t weights[C::filt_height * C::filt_width * C::n_chan * C::n_filt];
    static b_t biases[C::n_filt];
    take(weights, sizeof weights / sizeof weights[0]);
    take(biases, C::n_filt);
    hls::stream<in_t> in("in");
    hls::stream<out_t> out("out");
    for (int frame = 0; frame < %(frames)d; frame++) {
        for (unsigned i = 0; i < C::in_height * C::in_width; i++) {
            in_t pixel;
            take(pixel.data, C::n_chan);
            in.write(pixel);
        }
        nnet::conv_transpose_2d_cl<in_t, out_t, C>(in, out, weights, biases);
        if (!in.empty()) { fprintf(stderr, "input left\\n"); exit(4); }
        unsigned beats = 0;
        while (!out.empty()) {
            const out_t pixel = out.read();
            for (unsigned f = 0; f < C::n_filt; f++) {
                const int word = pixel[f].to_int();
                fwrite(&word, sizeof word, 1, stdout);
            }
            beats++;
        }
        if (beats != C::out_height * C::out_width) {
            fprintf(stderr, "%%u beats\\n", beats);
            exit(5);
        }
    }
}

%(configs)s
int main() {
%(calls)s
    return 0;
}
"""


def case(height, width, chan, filt, kernel, stride, pads, extra=(0, 0)) -> tuple[Shape, tuple]:
    """Sizes by ONNX's rule, with (top, left, bottom, right) cropped, and those pads."""
    size = [out_size(n, k, s, (pads[i], pads[i + 2]), e)
            for i, (n, k, s, e) in enumerate(zip((height, width), kernel, stride, extra,
                                                 strict=True))]
    return Shape(height, width, chan, filt, *kernel, *stride, *pads[:2], *size), pads


def matrix() -> list[tuple[Shape, tuple]]:
    """k 3..9 x s 2..4 with output s times the input, sizes and channels in turn; then the rest."""
    sizes = itertools.cycle([(3, 5), (1, 1), (7, 1), (1, 9), (5, 3), (2, 11), (4, 4)])
    channels = itertools.cycle([(1, 1), (3, 2), (4, 1), (2, 3), (1, 4)])
    made = []
    for kernel, stride in itertools.product(range(3, 10), range(2, 5)):
        crop = max(kernel - stride, 0)
        before = (crop + kernel % 2) // 2
        pads = (before, before, crop - before, crop - before)
        grow = max(stride - kernel, 0)
        made.append(case(*next(sizes), *next(channels), (kernel,) * 2, (stride,) * 2, pads,
                         (grow, grow)))
    return [
        *made,
        case(11, 13, 23, 1, (3, 3), (2, 2), (1, 1, 0, 0)),   # FSRCNN-x's, padding 1 and one more
        case(4, 5, 2, 2, (3, 5), (2, 3), (0, 0, 0, 0)),       # unequal sides, nothing cropped
        case(3, 13, 2, 1, (5, 7), (2, 2), (0, 0, 0, 0)),      # the last line's end is in the window
        case(4, 5, 2, 1, (5, 4), (3, 2), (2, 0, 1, 3), (2, 1)),
        case(3, 4, 1, 2, (4, 4), (2, 2), (3, 3, 3, 3)),       # cropped almost to nothing
        case(5, 4, 1, 1, (3, 3), (2, 2), (4, 5, 0, 0)),       # more cropped than the kernel holds
        case(3, 3, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1)),       # a plain convolution
        case(3, 2, 1, 2, (1, 1), (3, 3), (0, 0, 0, 0), (2, 2)),   # phases without a tap
        case(2, 3, 1, 1, (2, 3), (4, 2), (0, 1, 0, 1), (2, 1)),
    ]


def values(index: int, shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, biases and frames (FRAMES, in, H, W); one frame at the extremes."""
    rng = np.random.default_rng(index)
    weight = rng.integers(-128, 128, (shape.n_chan, shape.n_filt, shape.filt_height,
                                      shape.filt_width))
    bias = rng.integers(-9999, 9999, shape.n_filt)
    frames = rng.integers(-255, 256, (FRAMES, shape.n_chan, shape.in_height, shape.in_width))
    frames[1] = np.where(frames[1] < 0, -255, 255)
    return weight, bias, frames


def expected(shape: Shape, pads: tuple, weight, bias, frames) -> np.ndarray:
    """What torch's ConvTranspose2d gives, uncropped, then cropped and filled to ONNX's size."""
    full = torch.nn.functional.conv_transpose2d(
        torch.tensor(frames, dtype=torch.float64), torch.tensor(weight, dtype=torch.float64),
        stride=(shape.stride_height, shape.stride_width)).numpy()
    bottom, right = (max(0, have + size) for have, size in
                     zip((pads[0], pads[1]), (shape.out_height, shape.out_width), strict=True))
    full = np.pad(full, ((0, 0), (0, 0), (0, max(0, bottom - full.shape[2])),
                         (0, max(0, right - full.shape[3]))))
    cut = full[:, :, pads[0]:bottom, pads[1]:right] + bias[:, None, None]
    return cut.transpose(0, 2, 3, 1).astype(np.int64)


def run(folder: Path, cases: list[tuple[int, Shape, tuple]], header: str | None = None,
        order=tdc_order) -> list[np.ndarray]:
    """Compile one program of all cases and run it: outputs (FRAMES, H, W, out)."""
    (folder / HEADER).write_text(header or (source_dir() / HEADER).read_text())
    (folder / "cases.cpp").write_text(PROGRAM % {
        "header": HEADER, "frames": FRAMES,
        "configs": "".join(config_cpp(i, shape, "acc_t", "b_t", "w_t")
                           for i, shape, _ in cases),
        "calls": "".join(f"    run<config{i}>();\n" for i, _, _ in cases)})
    subprocess.run(["g++", "-std=c++11", "-O1", "-w", "-I", folder,
                    "-I", TEMPLATES / "nnet_utils", "-I", TEMPLATES / "ap_types",
                    "-o", folder / "cases", folder / "cases.cpp"], check=True)
    words = []
    for i, shape, _ in cases:
        weight, bias, frames = values(i, shape)
        words += [order(weight, shape), bias, frames.transpose(0, 2, 3, 1).ravel()]
    done = subprocess.run([folder / "cases"], capture_output=True, check=False,
                          input=np.concatenate(words).astype(np.int16).tobytes())
    assert done.returncode == 0, done.stderr.decode()
    flat, outputs = np.frombuffer(done.stdout, np.int32), []
    for _, shape, _ in cases:
        size = (FRAMES, shape.out_height, shape.out_width, shape.n_filt)
        outputs.append(flat[:np.prod(size)].reshape(size))
        flat = flat[np.prod(size):]
    assert flat.size == 0
    return outputs


def mismatches(folder: Path, cases, **options) -> list[int]:
    """Words that differ, per case."""
    return [int((got != expected(shape, pads, *values(i, shape))).sum())
            for (i, shape, pads), got in zip(cases, run(folder, cases, **options), strict=True)]


@pytest.mark.slow
def test_the_whole_matrix_equals_torch(tmp_path):
    cases = [(i, *one) for i, one in enumerate(matrix())]
    assert {(s.filt_height, s.stride_height) for _, s, _ in cases} >= set(
        itertools.product(range(3, 10), range(2, 5)))
    assert sum((s.out_height, s.out_width) == (s.stride_height * s.in_height,
                                               s.stride_width * s.in_width)
               for _, s, _ in cases) >= 21
    wrong = {i: n for (i, _, _), n in zip(cases, mismatches(tmp_path, cases), strict=True) if n}
    assert not wrong, {str(cases[i][1]): n for i, n in wrong.items()}
    varied = [np.unique(expected(s, p, *values(i, s))).size for i, s, p in cases]
    assert min(varied) > 10, "the output hardly varies: a match proves nothing"


FAULTS = {  # what is replaced in the header
    "taps in kernel order": ("phase + pad - stride * (first + entry)",
                             "pad + entry + stride * phase"),
    "a line too old": ("newest = lines[r][u][n];", "newest = lines[r ? r - 1 : 0][u][n];"),
    "the top border is not masked": ("if (inside && v >= row::window - 1 - r)", "if (inside)"),
    "the left border is not masked": ("else if (u == 0)", "else if (false)"),
    "the last line is missing": ("} else if (inside && v < (int)CONFIG_T::in_height) {",
                                 "} else if (inside && v < (int)CONFIG_T::in_height - 1) {"),
    "an HR line twice": ("(py - 1) * geometry::line_pixels", "0 * geometry::line_pixels"),
}
FAULTY = [(0, *case(5, 7, 2, 2, (5, 5), (3, 3), (1, 1, 1, 1))),
          (1, *case(3, 9, 1, 2, (5, 5), (2, 2), (0, 0, 0, 0)))]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(tmp_path, fault):
    old, new = FAULTS[fault]
    text = (source_dir() / HEADER).read_text()
    assert text.count(old) == 1, "the source has changed: the fault cannot be planted"
    assert sum(mismatches(tmp_path, FAULTY, header=text.replace(old, new))) > 0


@pytest.mark.slow
def test_weights_in_another_order_are_seen(tmp_path):
    assert mismatches(tmp_path, FAULTY) == [0, 0]
    wrong = mismatches(tmp_path, FAULTY,
                       order=lambda weight, _: weight.transpose(2, 3, 0, 1).ravel())
    assert min(wrong) > 0


def test_order_holds_every_weight_once():
    for shape, _ in matrix():
        weight = np.arange(shape.products).reshape(shape.n_chan, shape.n_filt, shape.filt_height,
                                                   shape.filt_width)
        assert sorted(tdc_order(weight, shape)) == list(range(shape.products))


def test_reuse_shares_multipliers():
    shape = replace(FAULTY[0][1], filt_height=3, filt_width=3)
    assert "multiplier_limit = 36;" in config_cpp(1, shape, "a", "b", "w")
    assert "multiplier_limit = 6;" in config_cpp(1, shape, "a", "b", "w", reuse=7)


def clocks_per_line(shape: Shape, reuse: int, walk: int, depth: int, lines: int = 5) -> float:
    """Clocks per LR line of gather and raster around a FIFO, in the steady state."""
    rows, width = shape.stride_height, -(-shape.out_width // shape.stride_width)
    fifo, clock, busy, u, done = 0, 0, reuse, 0, []
    line = [x for _ in range(rows) for x in range(width * shape.stride_width)]
    first = width * shape.stride_width  # outputs of a line that take phases
    at = 0
    while len(done) < lines:
        clock += 1
        takes = at < first and line[at] % shape.stride_width == 0
        if not takes or fifo > 0:
            fifo -= takes
            at += 1
            if at == len(line):
                at = 0
                done.append(clock)
        busy -= busy > 0
        emits = u >= walk - width  # the positions before are the window's way in
        if busy == 0 and (not emits or fifo < depth):
            fifo += emits
            u, busy = (u + 1) % walk, reuse
    return (done[-1] - done[2]) / (lines - 3)


@pytest.mark.slow
def test_the_fifo_is_deep_enough_and_no_deeper(tmp_path):
    shapes = [case(4, 12, 1, 1, (k, k), (s, s), ((k - s + 1) // 2,) * 2 + ((k - s) // 2,) * 2)[0]
              for k, s in ((3, 2), (5, 3), (9, 4))]
    wanted = [(shape, reuse) for shape in shapes for reuse in range(1, 20)
              if reuse <= shape.products]
    text = '#include "ap_int.h"\n#include "' + HEADER + '"\n#include <cstdio>\ntypedef int t;\n'
    text += "".join(config_cpp(i, shape, "t", "t", "t", reuse)
                    for i, (shape, reuse) in enumerate(wanted)) + "int main() {\n"
    for i in range(len(wanted)):
        name = f"nnet::conv_transpose_geometry<config{i}>"
        text += f'printf("%d %d\\n", (int){name}::fifo_depth, (int){name}::col::walk);\n'
    (tmp_path / "depths.cpp").write_text(text + "}\n")
    subprocess.run(["g++", "-std=c++11", "-w", "-I", source_dir(),
                    "-I", TEMPLATES / "nnet_utils", "-I", TEMPLATES / "ap_types",
                    "-o", tmp_path / "depths", tmp_path / "depths.cpp"], check=True)
    said = subprocess.run([tmp_path / "depths"], check=True, capture_output=True, text=True).stdout
    helped = 0
    for (shape, reuse), line in zip(wanted, said.splitlines(), strict=True):
        depth, walk = map(int, line.split())
        best = max(shape.stride_height * shape.out_width, reuse * walk)
        assert clocks_per_line(shape, reuse, walk, depth) <= best + reuse, (shape, reuse)
        assert depth == 2 or reuse > shape.stride_width
        helped += depth > 4 and clocks_per_line(shape, reuse, walk, depth // 2) > best + reuse
    assert helped > 3, "half of the depth would do"
