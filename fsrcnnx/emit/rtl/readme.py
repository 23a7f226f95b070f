"""README.md of an emitted RTL folder: what it is, its ports, its timing, how to check and build it.

May import the integer network. The text is rtl/EMITTED.md, with the manifest's figures filled in.

    print(readme(template, network, manifest, distinct=200, frame=(10, 12)))
"""

from __future__ import annotations

from fsrcnnx.exact.network import Network


def readme(template: str, network: Network, manifest: dict, distinct: int,
           frame: tuple[int, int]) -> str:
    """Write the README of an emitted folder.

    Args:
        template: rtl/EMITTED.md.
        network: The network.
        manifest: The folder's.
        distinct: Different values in the expected output of the test vectors.
        frame: Height and width of the vectors' picture.

    Returns:
        Markdown.
    """
    height, width = frame
    scale, beat = network.scale, manifest["pixels_per_beat"]
    lr, hr = network.in_format, network.out_format
    what = (f"{len(network.layers)} layers. Luma of a low-resolution (LR) frame goes in, luma of "
            f"the frame {scale} times as wide and high (HR) comes out.")
    if network.prescale > 1:
        what = (f"{len(network.layers)} layers. Luma that bicubic has enlarged {network.prescale} "
                "times goes in (LR below), luma of the same size comes out (HR).")
    filled = {key: value for key, value in manifest.items() if isinstance(value, str | int)} | {
        "what": what, "lr": f"{width}x{height}", "hr": f"{scale * width}x{scale * height}",
        "distinct": distinct, "beat": beat, "plural": "s" if beat > 1 else "",
        "twos": ", in two's complement" if lr.signed or hr.signed else "",
        "dim_bits": max(manifest["max_width"], manifest["max_height"]).bit_length(),
        "in_bits": lr.width, "out_data": beat * hr.width, "in_format": lr, "out_format": hr,
        "model_id": manifest["content_hash"][:8],
        "line_bits": sum(layer["line_bits"] for layer in manifest["layers"])}
    return template.format(**filled)
