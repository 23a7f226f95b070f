"""How a network was made, in words: what its weights file says of the runs, not what a recipe says.

May import learn, the integer network and the ground.

    made = Made.read(Path("models/fsrcnn-x_x2/weights.pth"))
    made.data(), made.training(False)              # lines of a card

Files of before record less; of what is not recorded nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fsrcnnx.errors import ModelError
from fsrcnnx.learn import models, store
from fsrcnnx.learn.quantising.rounding import FEW
from fsrcnnx.learn.training import recipes

LOSSES = {"mse": "squared error", "log": "logarithm of the squared error",
          "joint": "logarithm of the targets' mean squared error"}
RULES = {"adam": "Adam", "soap": "SOAP"}
NEEDED = ("training", "eval_psnr", "bits", "fine", "seed")


@dataclass(frozen=True, eq=False)
class Made:
    """A weights file of quantisation.

    Args:
        name: Of the quantised network.
        content: All of it.
        where: The file.
    """

    name: str
    content: dict
    where: str

    @classmethod
    def read(cls, path: Path) -> Made:
        """Read a weights file that says how it was made.

        Args:
            path: `weights.pth`.

        Returns:
            The content.

        Raises:
            ModelError: If the file cannot be used, does not say enough, or is of a quantisation
                that has not ended.
        """
        content = store.read_weights(path)
        lacks = [key for key in NEEDED if content.get(key) in (None, {})]
        if not lacks and not isinstance(content["eval_psnr"], dict):
            lacks = ["eval_psnr of the integers"]
        if lacks:
            raise ModelError(f"does not say how it was made: no {', '.join(lacks)}",
                             where=str(path), allowed="a file of quantisation",
                             fix="train and quantise it again")
        if not content.get("complete", True):
            raise ModelError("what an interrupted quantisation had so far", where=str(path),
                             allowed="the weights of one that has ended",
                             fix="run the same `quantise` again, then export")
        return cls(content.get("label", content["name"]), content, str(path))

    def data(self) -> str:
        """What pictures the network was trained on, as far as the file says."""
        run = self.content["training"]
        if "pictures" not in run:
            return "Not said."
        sizes = " at five sizes" if run.get("augment") else ""
        held = f"; {run['held_out']:,} pictures, one in {run['holdout']}, held out" \
            if run.get("holdout") and "held_out" in run else "; none held out"
        return f"{run['patches']:,} patches of {run['pictures']:,} pictures{sizes}, " \
               f"{run.get('protocol', 'unknown')} protocol{held}."

    def differences(self) -> list[str]:
        """How the runs differ from the recipe of the network's name, as far as the file says."""
        own, run, content = recipes.recipe(self.name), self.content["training"], self.content
        found = {"steps": run["steps"], "lr": run["lr"], "loss": run["loss"],
                 "expand": run["expand"], "hold": run["hold"],
                 "optimiser": run.get("optimiser", "adam"), "start": run.get("start", own.start),
                 "teacher": run.get("teacher", "").partition(" ")[0],
                 "fine-tuning": content["fine"], "its lr": content.get("fine_lr", own.fine_lr),
                 "its teacher": content.get("fine_teacher", "").partition(" ")[0],
                 # where a search has nothing to move, no rounds are recorded
                 "rounds": content.get("rounds", 0) or own.rounds}
        wanted = {**found, **{key: getattr(own, key) for key in (
            "steps", "lr", "loss", "expand", "hold", "optimiser", "start", "rounds")},
            "teacher": own.teacher if own.taught else "", "fine-tuning": own.fine,
            "its lr": own.fine_lr, "its teacher": own.teacher if own.fine_taught else ""}
        return [f"{key} {value or 'none'} for {wanted[key] or 'none'}"
                for key, value in found.items() if value != wanted[key]]

    def _start(self) -> str:
        name = self.content["training"].get("start")
        if not name:
            return ""
        (shape, scale), (own, own_scale) = (models.find(one, self.where)
                                            for one in (name, self.content["name"]))
        last = "sub-pixel convolution" if isinstance(own, models.PixelShape) else "deconvolution"
        taken = ("all of them" if scale == own_scale else f"all but the {last}") \
            if shape == own else "in the middle of its kernels"
        return f"The weights of `{name}`, {taken}, were its start. "

    def _fine(self) -> str:
        content, bits = self.content, self.content["bits"]
        steps, rounds = content["fine"], content.get("rounds", 0)
        if not steps:
            return "Integers: by calibration alone."
        stairs = " and weights on staircases" if bits["weight"] <= FEW or bits.get("digits") else ""
        rule = f" ({RULES[content['fine_optimiser']]}, one cycle to {content['fine_lr']:g}, seed " \
               f"{content['seed']}, batches of {content['fine_batch_size']})" \
            if {"fine_optimiser", "fine_batch_size", "fine_lr"} <= content.keys() else ""
        done = content.get("rounds_done")
        times = f"up to {rounds} rounds" if done is None else f"{done} rounds"
        searched = f", {times} of moves to neighbouring weights" if rounds else ""
        return f"Integers: {steps:,} steps with noise of the power of rounding{stairs}{rule}, " \
               f"a tenth as many in which the biases alone learn{searched}." \
            + self._taught(content.get("fine_teacher", "")) + (
                " Patches from black to white lay beside those of the data."
                if content.get("contrast") else "")

    @staticmethod
    def _taught(teacher: str) -> str:
        name = teacher.partition(" ")[0]
        return f" Half of the error was against the pictures of `{name}`." if name else ""

    def training(self, anchor: bool) -> list[str]:
        """What was run.

        Args:
            anchor: Whether the network has one.

        Returns:
            Lines of Markdown.
        """
        run, other = self.content["training"], self.differences()
        command = f"make train quantise export MODEL={self.name} DATA=folder"
        held = " The picture in channel 0 was held while the rest learned." \
            if run["hold"] and not anchor else ""
        cut = " It was stopped before its end." if not run.get("ended", True) else ""
        return [
            *([f"By other settings than `{command}` has: {', '.join(other)}."] if other
              else [f"    {command}"]), "",
            f"Float: {run['steps']:,} steps of {RULES[run.get('optimiser', 'adam')]}, one cycle to "
            f"{run['lr']:g}, seed {run.get('seed', self.content['seed'])}, batches of "
            f"{run['batch_size']} of {run['patches']:,} patches, {LOSSES[run['loss']]},",
            f"every layer a product with {run['expand']} times its channels between, folded "
            f"afterwards.{cut}{held}{self._taught(run.get('teacher', ''))}",
            self._start() + self._fine()]
