"""The pictures that a data file is made of: found in a folder, noted in the file, compared.

May import imaging's suffixes, learn.hdf5 and the ground.

    note = look("pictures", Note(2, "paper", holdout=32))
    note.differences(read("train.h5"))             # "": the file would be made again as it is

A file of before, or of another tool, has no note; nothing can be said of it then.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import h5py
import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.files import regular
from fsrcnnx.learn import hdf5
from fsrcnnx.media.imaging import SUFFIXES

KEY = "made_of"  # dataset of a data file: JSON as bytes
DIGITS = 32  # of a picture's SHA-256, 128 bits
NAMED = 3  # pictures that a difference names
MARK = 12  # digits of a fingerprint


def pictures_in(folder: str | Path) -> list[Path]:
    """List the pictures of a folder and its subfolders, in a fixed order.

    Args:
        folder: Any folder.

    Returns:
        Paths, sorted by their relative name.

    Raises:
        InputError: If the folder is missing or holds no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), allowed="a folder of pictures",
                         fix="check the path")
    def refuse(error: OSError) -> None:
        raise InputError(f"cannot be read ({error.strerror})", where=error.filename,
                         allowed="a folder of pictures", fix="check who may read it")

    # what has a picture's name and is none, as a link to nothing, is said when it is read
    found = [path for place, _, files in os.walk(folder, onerror=refuse) for name in files
             if (path := Path(place, name)).suffix.lower() in SUFFIXES]
    if not found:
        raise InputError("no pictures in this folder", where=str(folder),
                         allowed=" ".join(SUFFIXES), fix="name a folder of pictures")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


@dataclass(frozen=True)
class Note:
    """How a data file was made, and of what.

    Args:
        scale: Upscaling factor.
        protocol: Downscale.
        augment: Whether each picture came in smaller sizes too.
        evaluation: Whether pictures are whole, for evaluation.
        holdout: One in so many pictures is for evaluation alone; 0: none.
        patch: Side of an LR patch.
        stride: LR pixels from one patch to the next.
        pictures: Relative name -> hash of each picture of the folder, in order.
    """

    scale: int
    protocol: str
    augment: bool = False
    evaluation: bool = False
    holdout: int = 0
    patch: int = 0
    stride: int = 0
    pictures: Mapping[str, str] = field(default_factory=dict)

    def used(self) -> list[str]:
        """Names of the pictures that are in the file, in order."""
        return [name for index, name in enumerate(self.pictures) if not self.holdout
                or (index % self.holdout == self.holdout - 1) == self.evaluation]

    def hashes(self) -> set[str]:
        """Hashes of the pictures that are in the file."""
        return {self.pictures[name] for name in self.used()}

    def fingerprint(self) -> str:
        """Name the pictures that are in the file by their content, however they were cut."""
        text = json.dumps(sorted(self.hashes())).encode()  # ASCII, whatever a file says
        return hashlib.sha256(text).hexdigest()[:MARK]

    def differences(self, other: Note | None) -> str:
        """Say how this note differs from an older one.

        Args:
            other: That of a file; None for a file without.

        Returns:
            A few words; empty if a file of this note would be the same.
        """
        if other is None:
            return "it does not say of what it was made"
        told = [f"{one.name} {getattr(self, one.name)}, was {getattr(other, one.name)}"
                for one in fields(self) if one.name != "pictures"
                and getattr(self, one.name) != getattr(other, one.name)]
        now, then = self.pictures, other.pictures
        for what, names in (("new", [name for name in now if name not in then]),
                            ("changed", [name for name in now if now[name]
                                         != then.get(name, now[name])]),
                            ("gone", [name for name in then if name not in now])):
            if names:
                more = ", ..." if len(names) > NAMED else ""
                told.append(f"{len(names)} {what} ({', '.join(names[:NAMED])}{more})")
        return "; ".join(told)

    def write(self, file: h5py.File) -> None:
        """Put it into an open data file."""
        file.create_dataset(KEY, data=np.frombuffer(json.dumps(asdict(self)).encode(), "u1"))


def look(folder: str | Path, note: Note) -> Note:
    """Complete a note by the pictures of a folder as they are now.

    Args:
        folder: Any folder.
        note: How a data file is to be made of it.

    Returns:
        The note with pictures.

    Raises:
        InputError: If the folder is missing or holds no picture, or one cannot be read.
    """
    found = {}
    for path in pictures_in(folder):
        try:
            with regular(path, "a picture").open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=path,
                             allowed="a picture", fix="check the file") from None
        found[path.relative_to(folder).as_posix()] = digest.hexdigest()[:DIGITS]
    return replace(note, pictures=found)


def read(path: str | Path) -> Note | None:
    """Read the note of a data file.

    Args:
        path: HDF5 file.

    Returns:
        The note; None if there is none.

    Raises:
        InputError: If the file cannot be read, or its note is none.
    """
    with hdf5.opened(path) as file:
        if not file.is_data(KEY):
            return None
        text = file.raw(KEY, limits.NOTE_BYTES)
    try:
        content = json.loads(text)
        kinds = {one.name: {"str": str, "int": int, "bool": bool}.get(one.type, dict)
                 for one in fields(Note)}
        if type(content) is not dict or {key: type(value) for key, value in content.items()} \
                != kinds or not all(type(value) is str for value in content["pictures"].values()):
            raise ValueError("other keys or types")
    except (ValueError, RecursionError) as error:
        raise InputError(f"damaged ({str(error)[:80]})", where=f"{path}: dataset {KEY}",
                         allowed="the note of `fsrcnnx prepare`", fix="prepare it again") from None
    return Note(**content)


def check_held_out(train_file: str | Path, eval_file: str | Path
                   ) -> tuple[Note | None, Note | None]:
    """Refuse to train on pictures that were held out.

    Args:
        train_file: HDF5 file of patches.
        eval_file: HDF5 file of whole pictures.

    Returns:
        The notes of both.

    Raises:
        InputError: If one of the files holds pictures out and they have pictures in common.
    """
    notes = train, measured = read(train_file), read(eval_file)
    if train and measured and (train.holdout or measured.holdout):
        both = train.hashes() & measured.hashes()
        # of one folder by one rule: what is there twice is nobody's mistake here
        ruled = train.holdout == measured.holdout and train.pictures == measured.pictures
        if both and not ruled:
            name = next(name for name in measured.used() if measured.pictures[name] in both)
            raise InputError(
                f"{len(both)} of its pictures are held out in {eval_file} ({name}): hold-out of "
                f"{train.holdout} and {measured.holdout}", where=train_file,
                allowed="files prepared of one folder with the same --holdout",
                fix="prepare both again, or make train")
    return notes


def check_trained_on(train: Note | None, train_file: str | Path, training: Mapping[str, object],
                     weights: str | Path) -> None:
    """Refuse to go on with weights on other pictures than they were trained on.

    What is held out of others may be what they were trained on.

    Args:
        train: Note of the training file; None if it has none.
        train_file: The file, for the message.
        training: What the weights file says of its training, as of `facts`; one that does not
            say its pictures goes with any file.
        weights: The weights file, for the message.

    Raises:
        InputError: If the pictures are others, or the training file does not say which it has.
    """
    known = training.get("trained_on")
    if known is None or (train and train.fingerprint() == known):
        return
    found = f"pictures {train.fingerprint()}" if train else "it does not say of what it was made"
    raise InputError(f"{found}, but {weights} was trained on pictures {known}", where=train_file,
                     allowed="the pictures that the weights were trained on",
                     fix="prepare the data as they were then (folder and --holdout), or train anew")


def facts(train: Note | None, measured: Note | None) -> dict:
    """What a weights file says of the pictures that a run was given.

    Args:
        train: Note of the training file; None if it has none.
        measured: Note of the evaluation file.

    Returns:
        Numbers of pictures, which, and how they were prepared; without what is not known.
    """
    known = {}
    if train:
        known = {"pictures": len(train.used()), "holdout": train.holdout,
                 "protocol": train.protocol, "augment": train.augment,
                 "trained_on": train.fingerprint()}
    return known | ({"held_out": len(measured.used())} if measured else {})
