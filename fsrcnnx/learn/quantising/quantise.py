"""From float weights to the integer network: calibration, then quantisation-aware training.

May import numpy, torch, exact, learn and the errors.

    done = quantise("x2_best.pth", "train.h5", "eval.h5", "weights.pth")
    done.network                                   # exact.network.Network, W8A8

Fine-tuning has three stages. Maps first get noise of the power that rounding has, while the
gradient passes straight through the rounding of weights and slopes (Bengio et al. 2013,
arXiv:1308.3432); weights of 5 bits and fewer, or of few signed digits, are on staircases instead.
Then everything is rounded and the biases alone learn: they have the accumulator's fine step, so
that they settle, and take off what the rounding shifted. Then slopes are brought to few signed
digits (quantising.slopes), and weights of few bits are searched for moves that pay together
(quantising.neighbours). At last constant frames are brought to stay as they are, by the moves that
cost least (quantising.level).
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from fsrcnnx import __version__
from fsrcnnx.errors import InputError
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.network import PIXEL, Network
from fsrcnnx.files import check_apart, check_output
from fsrcnnx.learn import data, models, sources, store, torchfile
from fsrcnnx.learn.evaluate import float_run, largest_loss, mean_psnr, psnrs
from fsrcnnx.learn.quantising import neighbours
from fsrcnnx.learn.quantising.calibrate import Bits, calibrate, label, uniform
from fsrcnnx.learn.quantising.edges import beside
from fsrcnnx.learn.quantising.level import level
from fsrcnnx.learn.quantising.noise import Noise
from fsrcnnx.learn.quantising.quantnet import QuantNet, load_qat, pack, to_network
from fsrcnnx.learn.quantising.rounding import settle, soften
from fsrcnnx.learn.quantising.slopes import limited, slim
from fsrcnnx.learn.quantising.start import prepared_for
from fsrcnnx.learn.schema import DIGITS
from fsrcnnx.learn.training.devices import ALONE, Team
from fsrcnnx.learn.training.fit import Batches, Plan, fit
from fsrcnnx.learn.training.resume import read_state
from fsrcnnx.learn.training.teacher import teach

log = logging.getLogger(__name__)

W8A8 = Bits()
CALIBRATION = 128  # patches
FULL_RANGE = 0.5  # share of the patches stretched to 0..255, as gray pictures are
CHECKPOINTS = 16  # of a stage
SETTLING = 0.1  # steps and peak learning rate of the second stage, relative to the first


@dataclass(frozen=True, eq=False)
class Quantised:
    """What quantisation gave.

    Args:
        module: Quantised module, in evaluation mode.
        network: The integer network.
        float_psnr: dB of the float network on the evaluation file.
        calibrated_psnr: dB after calibration alone.
        psnr: dB after quantisation-aware training.
        loss: dB that the integers lose against float on the picture of the evaluation file where
            they lose most.
        worst: Index of that picture in the file.
    """

    module: QuantNet
    network: Network
    float_psnr: float
    calibrated_psnr: float
    psnr: float
    loss: float
    worst: int


def _check(bits: Mapping[str, Bits], rounds: int, slope_digits: int) -> None:
    if rounds < 0:
        raise InputError(f"{rounds}", where="rounds of the search", allowed="0 and more")
    if slope_digits not in DIGITS:
        raise InputError(f"{slope_digits}", where="signed digits of slopes", allowed="0..8")
    for name, widths in bits.items():
        if not widths.allowed():
            raise InputError(f"{widths}", where=f"bits of {name}", allowed="2..16, digits 0..8")
    *_, before, last = bits.values()
    if last.weight + before.activation < PIXEL.frac + 2:
        raise InputError(f"W{last.weight}A{before.activation} cannot reach 8-bit output",
                         where="weight bits of the last layer and activation bits before it",
                         allowed=f"{PIXEL.frac + 2} bits together or more")


def _layer_bits(model: models.Net, bits: Bits, layers: Mapping[str, Bits]) -> dict[str, Bits]:
    if unknown := sorted(set(layers) - set(model.names)):
        raise InputError(f"layer {', '.join(unknown)}", where="bits by layer",
                         allowed=", ".join(model.names))
    return {**uniform(model, bits), **layers}


def quantise(weights: str | Path, train_file: str | Path, eval_file: str | Path,
             output: str | Path, *, bits: Bits = W8A8, layers: Mapping[str, Bits] | None = None,
             steps: int = 30000, lr: float = 1e-3, batch_size: int = 16, seed: int = 123,
             optimiser: str = "adam", teacher: str | Path | None = None, rounds: int = 0,
             slope_digits: int = 0, contrast: bool = False, even: bool = False,
             stop_after: int | None = None, team: Team = ALONE, progress: bool = True) -> Quantised:
    """Quantise a float network and fine-tune it under the number contract.

    Called again after a kill, it goes on to the identical result from the hidden checkpoints
    beside the output, which a finished run removes.

    Args:
        weights: Float weights: `x2_best.pth` or `weights.pth`.
        train_file: HDF5 of `data.prepare`.
        eval_file: HDF5 of `data.prepare(evaluation=True)`; decides which weights are best.
        output: `weights.pth` to write, with float and quantised weights and the formats; the
            course of a stage goes to `weights.stage1.csv` beside it, that of the biases to
            `weights.stage2.csv`, that of the search to `weights.stage3.csv`.
        bits: Widths of weights, inner maps and slopes, 2..16.
        layers: Widths of layers that differ, by name.
        steps: Steps with noise; a tenth as many follow for the biases; 0 for calibration only.
        lr: Highest learning rate of the first stage; the second takes a tenth of it.
        batch_size: Patches in a step.
        seed: Seed of calibration, order and noise.
        optimiser: A key of `optimisers.OPTIMISERS`.
        teacher: Float weights of a larger network, whose pictures are half of the target.
        rounds: Most rounds of the search for better weights of few bits, after the biases.
        slope_digits: Most signed digits of a slope, to which they are brought before the search;
            0: any number.
        contrast: Whether patches of full contrast lie beside those of the file; what the float
            network makes of them is their target.
        even: Whether constant frames are brought to stay as they are, at last; not after
            calibration only.
        stop_after: Stop, resumably, after this many steps of a stage, or rounds.
        team: Processes that share each batch, of `devices.assemble`.
        progress: Show a progress bar.

    Returns:
        The module, the integer network and the evaluation figures; if stopped, the best so far.

    Raises:
        InputError: If a file or setting cannot be used, or the weights were trained on other
            pictures.
        ModelError: If the weights cannot be used.
        CheckError: If the loss stops being a number.
    """
    output = Path(output)
    read = [weights, train_file, eval_file, *([teacher] if teacher else [])]
    check_output(output, read, (".pth",))
    check_apart([output.with_suffix(f".stage{number}.csv") for number in (1, 2, 3)], read)
    team.check(batch_size)
    model, given = store.load(weights), store.read_weights(weights)
    training = given.get("training", {})
    if not given.get("complete", True):
        training = training and {**training, "ended": False}
        log.warning("%s: what a training that has not ended had so far", weights)
    by_layer = _layer_bits(model, bits, layers or {})
    _check(by_layer, rounds, slope_digits)
    name = label(model.name, bits, by_layer)
    note, _ = sources.check_held_out(train_file, eval_file)
    sources.check_trained_on(note, train_file, training, weights)
    pairs = data.read_pictures(eval_file, model.picture_scale, model.prescale)
    patches = data.read_patches(train_file, model.picture_scale, model.prescale)
    plan = Plan(name, seed, lr, max(1, steps), 1, batch_size, len(patches[0]),
                f"{weights} {by_layer}, {rounds} rounds"
                + (f", slopes of {slope_digits} digits" if slope_digits else "")
                + (", full contrast" if contrast else ""),
                "joint", optimiser=optimiser,
                data=data.fingerprint(patches, pairs))
    lessons = teach(teacher if steps else None, train_file, model.picture_scale, team=team,
                    progress=progress)
    plan = replace(plan, teacher=lessons.teacher)
    if contrast:
        patches, lessons = beside(patches, lessons, model,
                                  data.PROTOCOLS[note.protocol if note else "paper"], seed,
                                  team=team)
    x, y = Batches(*patches, CALIBRATION, torch.Generator().manual_seed(seed), FULL_RANGE).draw()
    start, prepared = prepared_for(model, by_layer, x, y)
    module = calibrate(start, x, y, by_layer)
    rounds = rounds if steps and neighbours.pays(prepared) else 0

    def score() -> float:  # of the integer network: the module's own bits, much sooner
        return mean_psnr(Emulator(to_network(copy.deepcopy(module).cpu())), pairs,
                         model.picture_scale)

    float_psnrs = team.once(
        lambda: psnrs(lambda plane: float_run(model, plane), pairs, model.picture_scale))
    float_psnr = float(np.mean(float_psnrs))
    calibrated = psnr = team.once(score)
    log.info("float %.3f dB, calibrated %.3f dB", float_psnr, calibrated)

    def keep(step: int, value: float, evened: bool = False) -> None:
        torchfile.save({"name": model.name, "float": model.state_dict(), "qat": pack(module),
                        "label": name, "bits": asdict(bits), "training": training, "fine": steps,
                        "fine_lr": lr, "fine_teacher": lessons.teacher, "rounds": rounds,
                        "fine_optimiser": optimiser, "fine_batch_size": batch_size,
                        "version": __version__, "seed": seed, "step": step, "complete": False,
                        "contrast": contrast, "evened": evened,
                        "eval_psnr": {"float": float_psnr, "calibrated": calibrated,
                                      "qat": value}}, output)

    def draws(seed: int, team: Team) -> Batches:
        return Batches(*patches, batch_size, torch.Generator().manual_seed(seed), FULL_RANGE, team,
                       lessons.patches)

    def stage(number: int, noisy: bool, steps: int, lr: float) -> tuple[bool, float]:
        own = replace(plan, name=f"{name} stage {number}", lr=lr, steps=steps,
                      every=max(1, steps // CHECKPOINTS))
        batches = draws(seed + number, team)
        module.noise = Noise(batches.generator, team) if noisy else None
        for key, value in module.named_parameters():
            value.requires_grad_(noisy or ".bias" in key)
        done, best = fit(module, batches, score, own, checkpoints[number - 1],
                         keep if not noisy else lambda step, value: None,
                         history=output.with_suffix(f".stage{number}.csv"),
                         stop_after=stop_after, progress=progress)
        return done == steps, best

    def begin() -> None:
        # what a search left is of another run, or of one that was killed when all was done
        checkpoints[2].unlink(missing_ok=True)
        keep(0, calibrated)

    def lighten() -> float:
        content, last = store.read_weights(output), load_qat(output)
        if limited(last, slope_digits):  # and then killed
            return content["eval_psnr"]["qat"]
        neighbours.adopt(module, last)
        return slim(module.eval(), slope_digits, draws(seed + 5 + rounds, ALONE), score,
                    lambda value: keep(content["step"], value), name, progress=progress)

    def search() -> tuple[bool, float]:
        if not checkpoints[2].exists():  # else it goes on from there
            neighbours.adopt(module, load_qat(output))
        own = replace(plan, name=f"{name} stage 3", steps=rounds,
                      weights=f"{plan.weights} after {steps} steps")
        done, best = neighbours.search(
            module.eval(), lambda number: draws(seed + 3 + number, ALONE), score, keep, own,
            checkpoints[2], history=output.with_suffix(".stage3.csv"), stop_after=stop_after,
            progress=progress)
        facts["rounds_done"] = len(read_state(checkpoints[2], own.settings())["rows"]) - 1
        return done == rounds, best

    def straighten() -> float:
        content = store.read_weights(output)
        if content["evened"]:  # and then killed
            return content["eval_psnr"]["qat"]
        neighbours.adopt(module, load_qat(output))
        return level(module.eval(), draws(seed + 4 + rounds, ALONE), score,
                     lambda value: keep(content["step"], value, True), name, progress=progress)

    checkpoints = [output.with_name(f".{output.name}.stage{number}") for number in (1, 2, 3)]
    if steps == 0 or not checkpoints[1].exists():
        team.once(begin)
    finished, facts = True, {}
    if steps:
        module = prepared
        soften(module, steps)
        finished, _ = stage(1, True, steps, lr)
        settle(module)
        if finished:
            finished, psnr = stage(2, False, math.ceil(SETTLING * steps), SETTLING * lr)
        if finished and slope_digits:
            psnr = team.once(lighten)
        if finished and rounds:
            finished, psnr = team.once(search)
        if finished and even:
            psnr = team.once(straighten)
    if finished and team.first:
        store.complete(output, facts)
        for checkpoint in checkpoints if steps else ():
            checkpoint.unlink(missing_ok=True)
    final = load_qat(output)
    network = to_network(final)
    worst, loss = team.once(lambda: largest_loss(float_psnrs, psnrs(
        Emulator(network), pairs, model.picture_scale)))
    return Quantised(final, network, float_psnr, calibrated, psnr, loss, worst)
