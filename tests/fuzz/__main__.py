"""Fuzz the readers of files for a time; keep what they answer badly in build/fuzz.

A file is read in a process of its own. It must be read, or refused by an error of the project's
with exit code 2: within SECONDS, within MEGABYTES beyond what the program takes before it reads.

    python -m tests.fuzz --seconds 60               # each reader for that long
    python -m tests.fuzz onnx --seed 7              # one; the same files again
    python -m tests.fuzz build/fuzz/onnx-1a2b.onnx  # what was kept, again
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
from hypothesis import HealthCheck, Phase, given, seed, settings

from fsrcnnx.cli.console import guard
from fsrcnnx.errors import CheckError, FsrcnnxError, InputError
from tests.fuzz.readers import READERS, Reader

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "fuzz"
SECONDS = 20     # longest answer
MEGABYTES = 1024  # of address space, beyond what the program has before it reads
ROUND = 50       # files of one seed, before the time is looked at
BAD, REFUSED = 3, 2


def _child(read: Callable[[Path], object], path: Path, out: int) -> None:
    """Read a file with little memory and end: 0, REFUSED, or BAD with what happened in `out`."""
    code = BAD
    try:
        for stream in (1, 2):
            os.dup2(out, stream)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + (MEGABYTES << 20),) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # whatever the parent does at an alarm
        signal.alarm(SECONDS)  # ends it
        read(path)
        code = 0
    except FsrcnnxError as error:
        code = REFUSED if error.exit_code == REFUSED else BAD
        os.write(out, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    except BaseException:
        os.write(out, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(code)


def answer(read: Callable[[Path], object], path: Path) -> str:
    """Read a file in a process of its own.

    Args:
        read: Of a reader.
        path: The file.

    Returns:
        What is wrong with the answer, empty if nothing is.
    """
    with tempfile.TemporaryFile() as said:
        sys.stdout.flush()
        process = os.fork()
        if not process:
            _child(read, path, said.fileno())
        _, status = os.waitpid(process, 0)
        said.seek(0)
        text = said.read().decode(errors="replace").strip()
    code = os.waitstatus_to_exitcode(status)
    if code in (0, REFUSED):
        return ""
    last = text.splitlines()[-1][:200] if text else ""
    if code == -signal.SIGALRM:
        return f"no answer within {SECONDS} s"
    return f"{f'signal {-code}' if code < 0 else 'not an error of the project'}: {last}"


def fuzz(reader: Reader, name: str, seconds: float, number: int, kept: Path = KEPT
         ) -> tuple[int, list[str]]:
    """Read spoilt files until the time is over or an answer is bad.

    Args:
        reader: The reader.
        name: Its name.
        seconds: How long.
        number: Seed.
        kept: Folder for files that are answered badly.

    Returns:
        How many were read, and what was wrong: the file and the answer.
    """
    tried, bad, until = 0, {}, time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        path = Path(scratch) / f"file{reader.suffix}"

        def look(data: bytes) -> None:
            nonlocal tried
            tried += 1
            path.write_bytes(data)
            if wrong := answer(reader.read, path):
                bad["data"], bad["wrong"] = data, wrong  # the last is the smallest
                raise AssertionError(wrong)

        while time.monotonic() < until and not bad:
            run = seed(number)(settings(
                max_examples=ROUND, deadline=None, database=None, print_blob=False,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck))(given(reader.spoilt)(look)))
            with suppress(AssertionError, ExceptionGroup):
                run()
            number += 1
    if not bad:
        return tried, []
    kept.mkdir(parents=True, exist_ok=True)
    file = kept / f"{name}-{hashlib.sha256(bad['data']).hexdigest()[:12]}{reader.suffix}"
    file.write_bytes(bad["data"])
    return tried, [f"{file}: {bad['wrong']}"]


def ready(names: list[str]) -> None:
    """Import what the readers use, one thread each: what is forked holds all of it."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if {"weights", "onnx", "hdf5"} & set(names):
        import torch

        torch.set_num_threads(1)
    for name in names:  # whatever the first file imports
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"file{READERS[name].suffix}"
            path.write_bytes(b"?")
            with suppress(FsrcnnxError):
                READERS[name].read(path)


@click.command()
@click.argument("what", nargs=-1, metavar="[READER|FILE]...")
@click.option("--seconds", default=60.0, show_default=True, help="For each reader.")
@click.option("--seed", "number", type=int, help="Of the first files.  [default: any]")
def main(what, seconds, number):
    """Fuzz the readers, or READER; or read FILE, which was kept, again."""
    files = [Path(one) for one in what if one not in READERS]
    for file in files:
        if not file.is_file() or file.name.partition("-")[0] not in READERS:
            raise InputError("no reader, and no file that was kept", where=file,
                             allowed=f"{', '.join(READERS)}, or build/fuzz/READER-...")
    names = [one for one in what if one in READERS] or ([] if files else list(READERS))
    ready([*names, *(file.name.partition("-")[0] for file in files)])
    wrong = []
    for file in files:
        said = answer(READERS[file.name.partition("-")[0]].read, file)
        click.echo(f"{file}: {said or 'answered well'}")
        wrong += [said] if said else []
    number = random.SystemRandom().randrange(1 << 32) if number is None else number
    for name in names:
        tried, bad = fuzz(READERS[name], name, seconds, number)
        click.echo(f"{name}: {tried:,} files from seed {number}, {len(bad)} answered badly")
        for line in bad:
            click.echo(f"  {line}")
        wrong += bad
    if wrong:
        raise CheckError(f"{len(wrong)} answered badly", where="fuzz", allowed="none",
                         fix="read it again: python -m tests.fuzz FILE")


if __name__ == "__main__":
    guard(main)
