"""Whether a folder is this user's alone: what others can put into it must not be run.

May import the errors and the standard library.

    check_mine(Path("fsrcnnx-builds"), "choose another folder")
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fsrcnnx.errors import InputError


def check_mine(folder: Path, fix: str, *, above: bool = False) -> None:
    """Refuse a folder that another user can change.

    Args:
        folder: The folder, or a link to it.
        fix: What the user can do, for the error.
        above: Whether it only holds the folder that counts: then it may be root's, a group's, or
            everybody's if it is sticky, as /tmp.

    Raises:
        InputError: If it is another user's or others can write it.
        OSError: If it is not there.
    """
    found = os.stat(folder)
    owners = {os.geteuid()} | ({0} if above else set())
    others = stat.S_IWOTH if above else stat.S_IWGRP | stat.S_IWOTH
    if not {found.st_uid, os.lstat(folder).st_uid} <= owners:
        what = "another user's"
    elif found.st_mode & others and not (above and found.st_mode & stat.S_ISVTX):
        what = f"open to other users (mode {stat.S_IMODE(found.st_mode):o})"
    else:
        return
    raise InputError(f"{what}: they could put programs there, which would run", where=folder,
                     allowed="a folder of yours that you alone can write", fix=fix)
