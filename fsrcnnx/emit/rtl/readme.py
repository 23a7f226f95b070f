"""README.md of an emitted RTL folder: what it is, its ports, its timing, how to check and build it.

May import the plan. The text is rtl/EMITTED.md, with the plan's figures filled in.

    print(readme(template, plan, distinct=200, frame=(10, 12)))
"""

from __future__ import annotations

from fsrcnnx import __version__
from fsrcnnx.emit.rtl.cells import slope_adders
from fsrcnnx.emit.rtl.plan import Plan


def _engine(plan: Plan) -> dict[str, str]:
    """What is said of one engine and not of the other."""
    build = plan.build
    if plan.layers[0].work.graph is None:
        bits = f" --multiplier-bits {build.multiplier_bits}" * (build.multiplier_bits != 25)
        use = (f" of {build.multiplier_bits} bits x 18, of whose products "
               f"{plan.utilisation:.0%} are used")
        return {"constants": "what the memories hold is in\n`fsrcnnx_mem_pkg.sv`", "adders": "",
                "multiplier_use": use,
                "options": f"--cycles-per-pixel {build.cycles_per_pixel}{bits}"}
    adders = sum(part.work.graph.cost.adders for part in plan.layers)
    slopes = sum(slope_adders(part.layer, part.outputs) for part in plan.layers)
    return {"constants": "the weights are shifts\nand adders in `fsrcnnx_graph_*.sv`",
            "multiplier_use": "", "adders": f"| adders of the sums | {adders} |\n"
            f"| adders of the slopes | {slopes} |\n",
            "options": "--engine adders" + f" --adders-per-stage {build.adders_per_stage}" * (
                build.adders_per_stage > 1)}


def _clocks(plan: Plan) -> str:
    """The clocks of a frame as a formula."""
    found = plan.raster
    every = f"{found.interval} · " * (found.interval > 1)
    steps = f"{every}max(W + {found.gap}, {found.min_slots}) · (H + {found.pad})"
    beats = f"{found.scale} · ceil({found.scale}·W / {found.beat}) · H"
    return f"{steps} clocks, or {beats} where that is more"


def readme(template: str, plan: Plan, distinct: int, frame: tuple[int, int]) -> str:
    """Write the README of an emitted folder.

    Args:
        template: rtl/EMITTED.md.
        plan: The core's plan.
        distinct: Different values in the expected output of the test vectors.
        frame: Height and width of the vectors' picture.

    Returns:
        Markdown.
    """
    height, width = frame
    network, build = plan.network, plan.build
    scale, beat = network.scale, build.pixels_per_beat
    lr, hr = network.in_format, network.out_format
    what = (f"{len(plan.layers)} layers. Luma of a low-resolution (LR) frame goes in, luma of "
            f"the frame {scale} times as wide and high (HR) comes out.")
    if network.prescale > 1:
        what = (f"{len(plan.layers)} layers. Luma that bicubic has enlarged {network.prescale} "
                "times goes in (LR below), luma of the same size comes out (HR).")
    return template.format(
        **_engine(plan), frame=_clocks(plan), clocks_per_frame=plan.clocks_per_frame,
        made_by=f"fsrcnnx {__version__}", network=network.name, what=what,
        content_hash=network.content_hash(), model_id=network.content_hash()[:8],
        cycles_per_pixel=build.cycles_per_pixel, cycles_per_pixel_expected=plan.cycles_per_pixel,
        pixels_per_beat=beat, beat=beat, plural="s" if beat > 1 else "",
        max_width=build.max_width, max_height=build.max_height, dim_bits=build.dim_bits,
        latency_lines=plan.latency_lines, multipliers=plan.multipliers, line_bits=plan.line_bits,
        scale=scale, in_format=lr, out_format=hr, in_bits=lr.width, out_data=beat * hr.width,
        twos=", in two's complement" if lr.signed or hr.signed else "", distinct=distinct,
        lr=f"{width}x{height}", hr=f"{scale * width}x{scale * height}")
