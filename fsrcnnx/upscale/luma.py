"""One door to the engines for pictures: what a network wants enlarged before is enlarged here.

May import everything below the command line.

    model = Model.open("fsrcnn-x_x2")
    with prepared("golden", model) as run: hr = run([lr]).planes[0]  # uint8 (H, W) -> (s*H, s*W)

Planes of more than 8 bits, as videos have, come and go as uint16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.media.imaging import Picture, bicubic
from fsrcnnx.prove.engines.engine import Ran, Run
from fsrcnnx.prove.engines.table import find


@contextmanager
def prepared(engine: str, model: Model | None, *, scale: int = 2, bits: int = 8, **options
             ) -> Iterator[Run]:
    """Make an engine ready for luma planes of pictures, any number of them and of times.

    Args:
        engine: Name of one that is offered.
        model: The opened model; None for bicubic.
        scale: Factor of bicubic; the model's own holds for the others.
        bits: Of a pixel; the model's must be the same, but for float.
        options: Of an engine: simulator, max_width, progress; one that takes an option not is
            not given it.

    Yields:
        The function from pixels (H, W) each, uint8 or uint16 of more bits, to what the engine
        gave, its planes (s*H, s*W) of as many bits and all there.

    Raises:
        InputError: If the engine is unknown, a frame too wide, or the pixels have another depth
            than the model.
        ModelError: If the model cannot be used.
        ToolError: If the simulator or compiler is missing.
        CheckError: If a simulation goes wrong.
    """
    kind, peak = find(engine), (1 << bits) - 1
    if kind.network and kind.exact:
        model.check_depth(bits, "luma", "pixels", "take another network")
    enlarge = model.prescale if kind.network else 1
    given = {"scale": scale, "bits": bits, **options}
    with kind.prepare(model, **{name: given[name] for name in kind.takes & given.keys()}) as run:
        def upscale(lrs: Sequence[np.ndarray]) -> Ran:
            ran = run([bicubic(lr, enlarge, peak) for lr in lrs])
            return replace(ran, planes=tuple(hr.astype(np.min_scalar_type(peak), copy=False)
                                             for hr in ran.whole()))

        yield upscale


def upscale(engine: str, model: Model | None, pictures: Sequence[Picture], *, scale: int = 2,
            **options) -> list[Picture]:
    """Upscale pictures: luma by the engine, chroma and alpha by bicubic.

    Args:
        engine: Name of one that is offered.
        model: The opened model; None for bicubic.
        pictures: Gray or colour.
        scale: Factor; must be the model's.
        options: As `prepared`.

    Returns:
        Pictures of scale times the size, gray or colour as they came.

    Raises:
        InputError, ModelError, ToolError, CheckError: As `prepared`.
    """
    with prepared(engine, model, scale=scale, **options) as run:
        lumas = run([picture.luma for picture in pictures]).planes
    return [picture.enlarged(luma, scale)
            for luma, picture in zip(lumas, pictures, strict=True)]
