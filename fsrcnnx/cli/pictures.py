"""What `fsrcnnx upscale` does with pictures.

May import everything, heavy packages only inside a function.

    fsrcnnx upscale *.png -o large
"""

from __future__ import annotations

import click

from fsrcnnx.cli.memory import free_memory
from fsrcnnx.errors import InputError, shown
from fsrcnnx.files import check_folder, made
from fsrcnnx.progress import bar
from fsrcnnx.prove.engines.table import ENGINE

GIB = 1 << 30


def upscale(inputs, outputs, engine, model, scale, *, simulator, max_width) -> None:
    """Upscale pictures; all are looked at, and all outputs, before any work is done."""
    from fsrcnnx.media.imaging import left_out, read_picture, write_picture
    from fsrcnnx.upscale import luma

    _check(inputs, outputs, engine, model, scale)
    if len(inputs) > 1:
        for name in inputs:  # damage behind a header shows in decoding only
            read_picture(name)
    every, busy = range(len(inputs)), ENGINE[engine].busy.format(simulator=simulator)
    with made(outputs[0].parent):
        # one build of a simulated engine serves all pictures; else one is in memory at a time
        for names in [every] if busy else [[i] for i in every]:
            pictures = [read_picture(inputs[i]) for i in names]
            with bar(busy, bool(busy)) as progress:
                done = luma.upscale(engine, model, pictures, scale=scale, simulator=simulator,
                                    max_width=max_width, progress=progress)
            for i, picture in zip(names, done, strict=True):
                write_picture(outputs[i], picture)
                name = shown(str(outputs[i]))
                click.echo(f"{name}: {picture.luma.shape[1]}x{picture.luma.shape[0]}")
                if lost := left_out(outputs[i], picture):
                    click.echo(f"left out: {', '.join(lost)}")


def _check(inputs, outputs, engine, model, scale) -> None:
    """Refuse what is seen to fail before any pixel is decoded."""
    from fsrcnnx.media.imaging import check_size, check_suffix, picture_size

    folder, kind = outputs[0].parent, ENGINE[engine]
    check_folder(folder if len(inputs) == 1 or folder.exists() else folder.parent)
    for name, output in zip(inputs, outputs, strict=True):
        check_suffix(output)
        width, height = picture_size(name)
        check_size(output, scale * width, scale * height)
        wanted, free = kind.memory(model, width * height, scale), free_memory()
        if free is not None and wanted > free:
            raise InputError(
                f"{width}x{height} pixels take about {wanted / GIB:.1f} GiB of memory by {engine}",
                where=name, allowed=f"{free / GIB:.1f} GiB, which is free", fix="a smaller picture"
                + (", or --engine emulate, of the same bits" if kind.exact and kind.per_channel
                   else ""))
