"""Strategies and reuse factors, checked before hls4ml sees them.

May import the stages and the errors. A reuse factor is how many times a multiplier is used per
pixel, so about the clocks that a layer takes per pixel. hls4ml silently takes the nearest valid
one, or stops in the middle; here an invalid one is refused with those that are allowed.
Source: hls4ml 1.3.0, backends/fpga/fpga_backend.py, _validate_reuse_factor.

    reuse_factors(stages, "resource", 16, {})     # {"feature": 9, "shrink": 1, ...}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fsrcnnx import limits
from fsrcnnx.emit.hls.stages import Stage
from fsrcnnx.errors import InputError

STRATEGIES = ("latency", "resource", "distributed_arithmetic")


def valid_factors(n_in: int, n_out: int) -> list[int]:
    """List the reuse factors that hls4ml's resource strategy computes correctly with.

    Args:
        n_in: Inputs of the matrix product.
        n_out: Its outputs.

    Returns:
        Divisors of n_in * n_out that divide n_in, or are a multiple of it.
    """
    def valid(factor: int) -> bool:
        if factor >= n_in:
            return factor % n_in == 0
        return -(-n_in * n_out // factor) % n_out == 0

    return [f for f in range(1, n_in * n_out + 1) if n_in * n_out % f == 0 and valid(f)]


def _allowed(stage: Stage, strategy: str) -> list[int] | None:
    """Reuse factors of a convolution; None for any from 1 on."""
    if strategy == "resource":
        return valid_factors(*stage.products)
    return [1] if strategy == "distributed_arithmetic" else None


def _listed(allowed: Sequence[int] | None) -> str:
    """Allowed factors in words; long lists are cut."""
    if allowed is None:
        return f"1..{limits.CYCLES}"
    return ", ".join(map(str, allowed[:16])) + (", ..." if len(allowed) > 16 else "")


def reuse_factors(stages: Sequence[Stage], strategy: str, at_most: int,
                  of: Mapping[str, int]) -> dict[str, int]:
    """Choose a reuse factor for each convolution.

    Args:
        stages: The stages.
        strategy: One of STRATEGIES.
        at_most: Each layer takes its largest valid factor up to this; 1 or more.
        of: Layer name -> its factor, instead.

    Returns:
        Layer name -> factor.

    Raises:
        InputError: If the strategy, a name or a factor is not allowed; all wrong ones are listed.
    """
    if strategy not in STRATEGIES:
        raise InputError(f"strategy {strategy!r}", where="--strategy",
                         allowed=", ".join(STRATEGIES))
    if not 1 <= at_most <= limits.CYCLES:
        raise InputError(f"reuse factor {at_most}", where="--reuse", allowed=f"1..{limits.CYCLES}")
    if strategy == "distributed_arithmetic" and at_most > 1:
        raise InputError(f"reuse factor {at_most} without multipliers", where="--reuse",
                         allowed="1", fix="leave it out, or take --strategy resource")
    layers = {stage.name: stage for stage in stages if stage.products[0]}
    wrong = [f"no layer {name}" for name in of if name not in layers]
    chosen = {}
    for name, stage in layers.items():
        allowed, factor = _allowed(stage, strategy), of.get(name)
        if factor is None:
            chosen[name] = max(f for f in allowed if f <= at_most) if allowed else at_most
        elif not 1 <= factor <= limits.CYCLES or (allowed and factor not in allowed):
            wrong.append(f"{name}={factor} (allowed: {_listed(allowed)})")
        else:
            chosen[name] = factor
    if wrong:
        raise InputError("; ".join(wrong), where="--reuse",
                         allowed="" if layers.keys() >= of.keys() else ", ".join(layers),
                         fix="choose from what is allowed, or give one number for all")
    return chosen
