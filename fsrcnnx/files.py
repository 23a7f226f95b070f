"""Files that appear whole or not at all.

Imports the errors only.

    with atomic(Path("report.json")) as part:      # .report.1234.part.json
        part.write_text("{}")
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsrcnnx.errors import InputError


@contextmanager
def atomic(path: str | Path, *raised: type[Exception]) -> Iterator[Path]:
    """Write beside a file, then rename: an error or a kill leaves the old file as it was.

    Args:
        path: File to write; an existing one is replaced.
        *raised: What the writing library raises, beside OSError, where a file cannot be written.

    Yields:
        Hidden path in the same folder, of the same suffix, to write to.

    Raises:
        InputError: If the file cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except (OSError, *raised) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"cannot be written ({reason})", where=path,
                         allowed="a file in an existing, writable folder",
                         fix="choose another output") from error
    finally:
        part.unlink(missing_ok=True)
