"""A model as a command opens it, once: where it lies, its network, what lies beside it.

May import the errors, the names, the network and the reader of ONNX files. What a name stands for
is decided here alone; the file is read when the network is first asked for, and not again.

    model = Model.open("fsrcnn-x_x2"); model.network.layers; model.companion("model_float.onnx")
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fsrcnnx import names
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx import io

FILE = "model.onnx"
SHIPPED = Path(__file__).resolve().parents[2] / "models"
# where a name is looked for, as a folder; the first that has it. The last is where make puts own
# models: a shipped name stays the shipped network's
PLACES = (Path("models"), SHIPPED, Path("build"))


def find(name: str | Path) -> Path:
    """Find a model's QONNX file.

    Args:
        name: Name of a folder in one of PLACES, or path of an .onnx file.

    Returns:
        Path of the file.

    Raises:
        ModelError: If there is none, listing the names that exist.
    """
    path = Path(name)
    if path.suffix == ".onnx":
        if path.is_file():
            return path
        raise ModelError("no such file", where=path, allowed="a model name or an .onnx file")
    for folder in PLACES:
        if (folder / name / FILE).is_file():
            return folder / name / FILE
    there = sorted({p.parent.name for folder in PLACES for p in folder.glob(f"*/{FILE}")})
    raise ModelError(f"unknown model {str(name)!r}", where="model",
                     allowed=", ".join([*there, "a path of an .onnx file"]),
                     fix="take one, or `make train quantise export MODEL=name` of yours, spelt as "
                         + names.SPELT)


def called(path: Path) -> str:
    """Say how to name a model's QONNX file.

    Args:
        path: The file.

    Returns:
        Its folder's name where `find` finds the file by it; else its path, as where a shipped
        model has that name.
    """
    name = path.parent.name
    try:
        return name if name and find(name).resolve() == path.resolve() else str(path)
    except ModelError:
        return str(path)


@dataclass(frozen=True, eq=False)
class Model:
    """One opened model; whoever needs it is given this, and not its path.

    Args:
        path: Its QONNX file.
    """

    path: Path

    @classmethod
    def open(cls, name: str | Path) -> Model:
        """Find a model by its name or path.

        Args:
            name: Name of a folder in one of PLACES, or path of an .onnx file.

        Returns:
            The model; its file is there, and not read yet.

        Raises:
            ModelError: If there is none, listing the names that exist.
        """
        return cls(find(name))

    @cached_property
    def network(self) -> Network:
        """The integer network, read once; ModelError if the file cannot be used."""
        return io.load(self.path)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the network, as hex."""
        return self.network.content_hash()

    @property
    def scale(self) -> int:
        """HR size over LR size of a picture, the enlargement before the network included."""
        return self.network.picture_scale

    @property
    def prescale(self) -> int:
        """How often bicubic enlarges a picture before it enters the network."""
        return self.network.prescale

    @property
    def pixel_bits(self) -> str:
        """What pixels it takes and gives: `8 bits`, or `8 bits in and 10 signed bits out`."""
        enters, leaves = (f"{to.width} {'signed ' * to.signed}bits"
                          for to in (self.network.in_format, self.network.out_format))
        return enters if enters == leaves else f"{enters} in and {leaves} out"

    def check_depth(self, bits: int, what: str, where: str | Path, fix: str) -> None:
        """Refuse pixels of another depth than the model's, before any work is done for them.

        Args:
            bits: Of a pixel, unsigned.
            what: What has them, e.g. `pixel format yuv420p10le`.
            where: File, for the error.
            fix: What can be done about it.

        Raises:
            InputError: Naming both depths.
            ModelError: If the model cannot be read.
        """
        if self.pixel_bits != f"{bits} bits":
            raise InputError(f"{what}, {bits} bits", where=where,
                             allowed=f"{self.pixel_bits}, as {self.path} takes", fix=fix)

    def beside(self, name: str) -> Path | None:
        """Look for a file that `fsrcnnx export` or the training leaves beside model.onnx.

        Args:
            name: `model_float.onnx`, `model_uint8.onnx`, `weights.pth`.

        Returns:
            Its path; None if it is not there, or belongs to another file than this one.
        """
        path = self.path.with_name(name)
        return path if self.path.name == FILE and path.is_file() else None

    def companion(self, name: str) -> Path:
        """Find a file beside model.onnx that cannot be gone without.

        Args:
            name: As for `beside`.

        Returns:
            Its path.

        Raises:
            ModelError: If it is not there.
        """
        path = self.beside(name)
        if path is None:
            raise ModelError(f"{name} is not beside it", where=self.path,
                             allowed="the folder that `fsrcnnx export` wrote",
                             fix="export the model, or take another engine")
        return path


def shipped() -> list[Model]:
    """List the models that the project ships.

    Returns:
        Each of them, by name.
    """
    return [Model(path) for path in sorted(SHIPPED.glob(f"*/{FILE}"))]


def shipped_weights(name: str) -> Path:
    """Where the weights of a shipped network lie.

    Args:
        name: Its folder.

    Returns:
        Path of its weights.pth.
    """
    return SHIPPED / name / "weights.pth"
