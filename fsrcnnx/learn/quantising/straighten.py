"""Even grays for a network that was quantised before there were any, without training it again.

May import torch, exact.emulate, learn.data, learn.evaluate, learn.sources, learn.store,
learn.torchfile, training.fit, quantising.level, quantising.quantnet and files.

    straighten("models/fsrcnnx-a_x2/weights.pth", "train.h5", "eval.h5", "weights.pth").psnr
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch

from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.network import Network
from fsrcnnx.files import check_apart, check_output
from fsrcnnx.learn import data, sources, store, torchfile
from fsrcnnx.learn.evaluate import mean_psnr
from fsrcnnx.learn.quantising.level import level
from fsrcnnx.learn.quantising.quantnet import load_qat, pack, to_network
from fsrcnnx.learn.training.fit import Batches

BATCH = 16  # patches
FULL_RANGE = 0.5  # share of the patches stretched to 0..255, as in fine-tuning


@dataclass(frozen=True, eq=False)
class Straightened:
    """What it gave.

    Args:
        network: The integer network.
        before: dB on the evaluation file.
        psnr: dB after it.
    """

    network: Network
    before: float
    psnr: float


def straighten(weights: str | Path, train_file: str | Path, eval_file: str | Path,
               output: str | Path, *, seed: int = 123, progress: bool = True) -> Straightened:
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
    read = [weights, train_file, eval_file]
    check_output(output, read, (".pth",))
    check_apart([output], read)
    module, content = load_qat(weights), store.read_weights(weights)
    note, _ = sources.check_held_out(train_file, eval_file)
    sources.check_trained_on(note, train_file, content.get("training", {}), weights)
    scale, prescale = module.picture_scale, module.prescale
    pairs = data.read_pictures(eval_file, scale, prescale)
    patches = data.read_patches(train_file, scale, prescale)

    def score() -> float:
        return mean_psnr(Emulator(to_network(copy.deepcopy(module))), pairs, scale)

    before = score()
    batches = Batches(*patches, BATCH, torch.Generator().manual_seed(seed), FULL_RANGE)
    psnr = level(module, batches, score, lambda value: None, content.get("label", content["name"]),
                 progress=progress)
    scores = {**content.get("eval_psnr", {}), "qat": psnr}
    torchfile.save({**content, "qat": pack(module), "eval_psnr": scores}, output)
    return Straightened(to_network(module), before, psnr)
