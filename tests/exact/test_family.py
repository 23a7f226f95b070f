"""The whole family through every exact engine: golden, emulate, qonnx and model_uint8 agree."""

import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from fsrcnnx.exact import emulate, golden, ranges
from fsrcnnx.exact.network import KINDS
from fsrcnnx.exact.onnx import io as onnx_io
from tests.networks import extreme_pictures, random_network, random_picture

SIDES = st.sampled_from([1, 2, 3, 5, 7, 11, 13])  # 1x1, 1xN, Nx1 and primes


@st.composite
def family(draw):
    """FSRCNN(d, s, m), ESPCN, or SRCNN (convs only), over formats, scales and kernels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(KINDS))
    kernel = st.sampled_from([1, 3, 5, 7, 9])
    if kind == "deconv":
        d, s, m = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
        scale = draw(st.integers(1, 4))
        last = draw(st.sampled_from([k for k in range(1, 10)
                                     if k >= scale and (scale > 1 or k % 2)]))
        shape = {"channels": (d, s, *[s] * m, d), "scale": scale,
                 "kernels": (draw(kernel), 1, *[draw(st.sampled_from([1, 3]))] * m, 1, last)}
    else:
        shape = {"channels": (draw(st.integers(1, 6)), draw(st.integers(1, 4))),
                 "scale": 1 if kind == "conv" else draw(st.integers(2, 4)),
                 "kernels": (draw(kernel), draw(kernel), draw(kernel))}
    return random_network(
        rng, **shape, last=kind, weight_bits=draw(st.integers(2, 14)),
        activation_bits=draw(st.integers(5, 14)), anchor=draw(st.booleans()),
        prelu=draw(st.booleans()), signed=draw(st.booleans()))


@given(family(), SIDES, SIDES, st.integers(1, 6), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_exact_engine_gives_the_same_bits(tmp_path, network, height, width, side, seed):
    rng = np.random.default_rng(seed)
    frames = [random_picture(rng, height, width), *extreme_pictures(height, width).values()]
    emulator = emulate.Emulator(network, side=side)
    onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
    narrow = not ranges.float32_exact(network)  # qonnx computes in float32 whatever the network
    event(f"float32 exact: {narrow}")
    if narrow:
        onnx_io.save(network, tmp_path / "model.onnx")
    for index, lr in enumerate(frames):
        want = golden.run(network, lr)
        assert (emulator(lr) == want).all()
        assert (onnx_io.run_uint8(tmp_path / "model_uint8.onnx", lr) == want).all()
        if narrow and index == 0:  # slow: it starts a session per node
            assert (onnx_io.run_qonnx(tmp_path / "model.onnx", lr) == want).all()
