"""What may still be done to a network that is quantised, without training it again.

May import torch, exact.emulate, exact.formats, learn.data, learn.evaluate, learn.schema,
learn.sources, learn.store, learn.torchfile, training.fit, what moves values in quantising, files.

    straighten("models/fsrcnnx-a_x2/weights.pth", "train.h5", "eval.h5", "weights.pth").psnr
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from fsrcnnx.errors import InputError
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.formats import adders
from fsrcnnx.exact.network import Network
from fsrcnnx.files import check_apart, check_output
from fsrcnnx.learn import data, sources, store, torchfile
from fsrcnnx.learn.evaluate import mean_psnr
from fsrcnnx.learn.quantising import neighbours
from fsrcnnx.learn.quantising.level import level
from fsrcnnx.learn.quantising.quantnet import QuantNet, load_qat, pack, to_network
from fsrcnnx.learn.quantising.slopes import slim
from fsrcnnx.learn.schema import DIGITS
from fsrcnnx.learn.training.fit import Batches, Plan

BATCH = 16  # patches
FULL_RANGE = 0.5  # share of the patches stretched to 0..255, as in fine-tuning
SEED = 123


@dataclass(frozen=True, eq=False)
class Reworked:
    """What it gave.

    Args:
        network: The integer network.
        before: dB on the evaluation file.
        psnr: dB after it.
        adders: Those of all slopes, before and after it.
    """

    network: Network
    before: float
    psnr: float
    adders: tuple[int, int]


def _adders(network: Network) -> int:
    """Adders of all slopes."""
    return sum(int(adders(layer.slope).sum()) for layer in network.layers
               if layer.slope is not None)


@dataclass(frozen=True, eq=False)
class _Task:
    """What a rework has to do with.

    Args:
        module: To be changed in place.
        name: The network's.
        batches: Gives the batches of a seed.
        score: Evaluates the module, in dB.
        plan: Of as many steps, from the module as it is.
    """

    module: QuantNet
    name: str
    batches: Callable[[int], Batches]
    score: Callable[[], float]
    plan: Callable[[int], Plan]


def _rework(weights: str | Path, train_file: str | Path, eval_file: str | Path,
            output: str | Path, work: Callable[[_Task], object]) -> Reworked:
    """Load and check what is given, do the work, write what it made."""
    read = [weights, train_file, eval_file]
    check_output(output, read, (".pth",))
    check_apart([output], read)
    module, content = load_qat(weights), store.read_weights(weights)
    note, _ = sources.check_held_out(train_file, eval_file)
    sources.check_trained_on(note, train_file, content.get("training", {}), weights)
    scale, prescale = module.picture_scale, module.prescale
    pairs = data.read_pictures(eval_file, scale, prescale)
    patches = data.read_patches(train_file, scale, prescale)
    name, price = content.get("label", content["name"]), _adders(to_network(module))

    def score() -> float:
        return mean_psnr(Emulator(to_network(copy.deepcopy(module))), pairs, scale)

    def batches(seed: int) -> Batches:
        return Batches(*patches, BATCH, torch.Generator().manual_seed(seed), FULL_RANGE)

    def plan(steps: int) -> Plan:
        return Plan(name, SEED, 1e-3, steps, 1, BATCH, len(patches[0]),
                    to_network(module).content_hash(), "joint",
                    data=data.fingerprint(patches, pairs))

    before = score()
    work(_Task(module, name, batches, score, plan))
    psnr = score()
    scores = {**content.get("eval_psnr", {}), "qat": psnr}
    torchfile.save({**content, "qat": pack(module), "eval_psnr": scores}, output)
    network = to_network(module)
    return Reworked(network, before, psnr, (price, _adders(network)))


def straighten(weights: str | Path, train_file: str | Path, eval_file: str | Path,
               output: str | Path, *, seed: int = SEED, progress: bool = True) -> Reworked:
    """Bring the constant frames of a quantised network to stay as they are.

    Args:
        weights: `weights.pth` written by quantisation.
        train_file: HDF5 of `data.prepare`.
        eval_file: HDF5 of `data.prepare(evaluation=True)`; says what it costs.
        output: `weights.pth` to write, as quantisation writes it.
        seed: Of the patches that the curvature is measured on.
        progress: Show a progress bar.

    Returns:
        The network, and dB before and after.

    Raises:
        InputError: If a file cannot be used, or the weights were trained on other pictures.
        ModelError: If the weights cannot be used.
    """
    return _rework(weights, train_file, eval_file, output, lambda task: level(
        task.module, task.batches(seed), task.score, lambda value: None, task.name,
        progress=progress))


def lighten(weights: str | Path, train_file: str | Path, eval_file: str | Path,
            output: str | Path, *, digits: int = 2, rounds: int = 0, seed: int = SEED,
            progress: bool = True) -> Reworked:
    """Bring the slopes of a quantised network to few signed digits.

    Args:
        weights: `weights.pth` written by quantisation.
        train_file: HDF5 of `data.prepare`.
        eval_file: HDF5 of `data.prepare(evaluation=True)`; says what it costs.
        output: `weights.pth` to write, as quantisation writes it.
        digits: Most non-zero signed digits of a slope, 1..8.
        rounds: Most rounds of the search for weights of few bits that fit the new slopes.
        seed: Of the patches that the loss is modelled on.
        progress: Show a progress bar.

    Returns:
        The network, and dB before and after.

    Raises:
        InputError: If a file or setting cannot be used, or the weights were trained on other
            pictures.
        ModelError: If the weights cannot be used.
    """
    if digits not in DIGITS[1:] or rounds < 0:
        raise InputError(f"{digits} digits, {rounds} rounds", where="slopes",
                         allowed="1..8 digits, 0 rounds and more")
    output = Path(output)

    def work(task: _Task) -> None:
        slim(task.module, digits, task.batches(seed), task.score, lambda value: None, task.name,
             progress=progress)
        if not rounds or not neighbours.pays(task.module):
            return
        best = [copy.deepcopy(task.module)]

        def keep(done: int, value: float) -> None:
            best[0] = copy.deepcopy(task.module)

        checkpoint = output.with_name(f".{output.name}.search")
        neighbours.search(task.module, lambda number: task.batches(seed + 1 + number), task.score,
                          keep, task.plan(rounds), checkpoint, progress=progress)
        checkpoint.unlink()
        neighbours.adopt(task.module, best[0])

    return _rework(weights, train_file, eval_file, output, work)
