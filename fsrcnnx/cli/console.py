"""What the commands share: tables, reports as JSON, and errors in one line.

May import the ground, click, and lazily rich.

    guard(main)      # a click command
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from fsrcnnx.errors import FsrcnnxError, InputError, ToolError, shown
from fsrcnnx.files import atomic, check_output
from fsrcnnx.install import advice
from fsrcnnx.interrupts import STOPS, Asked, stoppable
from fsrcnnx.owned import LIST

MODEL = "fsrcnn-x_x2"  # the default everywhere


class File(click.Path):
    """A path of a file or a folder; an empty one, as of a variable that is not set, is refused."""

    def convert(self, value, param, ctx):
        """As click's, where there is a name."""
        if not os.fspath(value):
            self.fail("an empty path; give the name of a file or a folder.", param, ctx)
        return super().convert(value, param, ctx)


FILE = File(path_type=Path)
REPORTS = (".json",)
model_option = click.option("--model", default=MODEL,
                            help="Name in models/ or build/, or path of an .onnx.")
json_option = click.option("--json", "json_file", type=FILE, help="Write the report there.")

PIPE_CLOSED = 128 + signal.SIGPIPE
INTERRUPTED = 128 + signal.SIGINT
DEFECT = 70  # EX_SOFTWARE of sysexits.h


def enlarged(manifest: dict) -> str:
    """Say what hardware expects of its input, if that is not the picture itself.

    Args:
        manifest: Of a core or an HLS project.

    Returns:
        The end of a line; empty where the picture itself goes in.
    """
    if manifest["prescale"] == 1:
        return ""
    return f"; its LR is luma that bicubic has enlarged {manifest['prescale']} times"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns of numbers are aligned to the right.

    Args:
        columns: Headings.
        rows: Cells as text.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    view = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        cells = [row[index] for row in rows]
        number = all(cell.replace(".", "", 1).lstrip("-").isdigit() for cell in cells)
        view.add_column(name, justify="right" if number else "left",
                        overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        view.add_row(*(cell if cell.isprintable() else shown(cell) for cell in row))
    # in a file or a pipe nothing is folded to a terminal that is not there
    width = None if sys.stdout.isatty() else 1000
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(view)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def free_memory() -> int | None:
    """Say how much memory there is for this process.

    Returns:
        Bytes: what the machine has available, or what the container has left if that is less;
        None where neither can be known.
    """
    found = []
    try:
        words = Path("/proc/meminfo").read_text(encoding="utf-8").split("MemAvailable:")[1].split()
        found.append(int(words[0]) * 1024)
    except (OSError, IndexError, ValueError):
        pass  # not Linux
    try:
        group = Path("/sys/fs/cgroup")
        found.append(int((group / "memory.max").read_text(encoding="utf-8"))
                     - int((group / "memory.current").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        pass  # no group, or one without a limit: `max`
    return min(found, default=None)


def pictures_of(paths: Sequence[Path]) -> list[Path]:
    """Expand folders to the pictures in them.

    Args:
        paths: Pictures and folders.

    Returns:
        Pictures, those of a folder by name.

    Raises:
        InputError: If a folder holds none.
    """
    from fsrcnnx.media.imaging import SUFFIXES

    found = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES) \
            if path.is_dir() else [path]
        if not inside:
            raise InputError("no pictures", where=path, allowed=" ".join(SUFFIXES))
        found += inside
    return found


def check_report(path: Path, suffixes: Sequence[str] = REPORTS) -> None:
    """Refuse a report that could not be written, or would replace what the command reads.

    Args:
        path: File to be written.
        suffixes: Endings that it may have.

    Raises:
        InputError: If its folder is missing or not writable, it has another suffix, is no plain
            file, or is one of the command's other paths, or one of the files in them.
    """
    context = click.get_current_context(silent=True)
    given = [value for values in (context.params.values() if context else ())
             for value in (values if isinstance(values, tuple) else (values,))
             if isinstance(value, str | Path) and value is not path]
    check_output(path, given, suffixes)
    for folder in given:
        inside = isinstance(folder, Path) and path.exists() and folder.is_dir() \
            and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
        # among pictures, a report of before may be replaced
        if inside and (path.suffix.lower() not in REPORTS or (folder / LIST).exists()):
            raise InputError("would replace a file of the input", where=path,
                             allowed=f"a file outside {folder}", fix="choose another output")


def write_json(path: Path, report: dict) -> None:
    """Write a report, whole or not at all.

    Args:
        path: JSON file.
        report: Plain data.

    Raises:
        InputError: If the file cannot be written.
    """
    check_report(path)
    with atomic(path) as part:
        part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def complain(line: str) -> None:
    """Print an error in one line on stderr.

    Args:
        line: The error.
    """
    click.echo(f"fsrcnnx: error: {' '.join(line.split())}", err=True)


def outcome(command: click.Command, args: Sequence[str] | None = None,
            name: str = "fsrcnnx") -> int:
    """Run a click command and turn whatever happens into an exit code.

    Args:
        command: The command.
        args: Its arguments; the process's own if None.
        name: What it is called in its usage line.

    Returns:
        The exit code; an error has been printed in one line.
    """
    with stoppable() as asked:
        return _outcome(command, args, name, asked)


def _outcome(command: click.Command, args: Sequence[str] | None, name: str, asked: Asked) -> int:
    """As `outcome`; `asked` knows which signal ended the command."""
    try:
        command.main(args, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        return 0
    except FsrcnnxError as error:
        complain(str(error))
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else _named(command, args, name)
        complain(f"{error.format_message()} (see `{where} --help`)")
        return 2
    except click.ClickException as error:
        complain(error.format_message())
        return 2
    except (click.Abort, KeyboardInterrupt):
        complain("terminated" if asked.number == signal.SIGTERM else "interrupted")
        return 128 + (asked.number or signal.SIGINT)
    except (BrokenPipeError, SystemExit):  # the latter is click's answer to the former
        # the reader has gone; keep the interpreter from failing on stdout once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        complain(f"{error.filename or 'system'}: {error.strerror or error}")
        return 2
    except MemoryError:
        complain("not enough memory; fix: a smaller picture, or one at a time")
        return 2
    except ImportError as error:
        package = (error.name or _outside(error)).partition(".")[0]
        if package in ("", "fsrcnnx"):
            return _defect(error)
        what = "not installed" if isinstance(error, ModuleNotFoundError) else \
            f"cannot be loaded ({error})"
        complain(f"{package}: {what}; fix: {advice(package)}")
        return ToolError.exit_code
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not loaded for its name
            complain("not enough memory on the device; fix: a smaller batch, or --device cpu")
            return 2
        return _defect(error)


def _named(command: click.Command, args: Sequence[str] | None, name: str) -> str:
    """The command whose words click could not tell apart, as far as they name one."""
    first = (sys.argv[1:] if args is None else [*args])[:1]
    known = isinstance(command, click.Group) and first and first[0] in command.commands
    return f"{name} {first[0]}" if known else name


def _outside(error: ImportError) -> str:
    """The first module, on the way to an error, that is not ours or Python's own; else empty."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = frame.f_globals.get("__name__") or ""
        if name.partition(".")[0] not in {"fsrcnnx", "click", "importlib", "__main__", ""}:
            return name
    return ""


def _defect(error: Exception) -> int:
    """Own up to an error that nothing foresaw."""
    if os.environ.get("FSRCNNX_DEBUG"):
        traceback.print_exception(error)
    complain(f"a defect of this program: {type(error).__name__}: {error}; "
             "FSRCNNX_DEBUG=1 shows where")
    return DEFECT


def _open_streams() -> None:
    """Give a process without standard streams (`>&-`) empty ones, lest files take their numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False, encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False, encoding="utf-8")


def guard(command: click.Command, name: str = "fsrcnnx") -> None:
    """Run a click command and leave the process with its exit code.

    Args:
        command: The command.
        name: What it is called in its usage line.
    """
    _open_streams()
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is no error
        stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    code = outcome(command, name=name)
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)  # what is left is the interpreter's own clean-up
    sys.exit(code)
