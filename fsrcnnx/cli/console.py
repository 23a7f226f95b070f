"""Whatever a command ends with, as an exit code and at most one line.

May import the ground and click.

    guard(main)      # a click command
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

from fsrcnnx.errors import FsrcnnxError, ToolError
from fsrcnnx.install import advice
from fsrcnnx.interrupts import STOPS, Asked, stoppable

PIPE_CLOSED = 128 + signal.SIGPIPE
INTERRUPTED = 128 + signal.SIGINT
DEFECT = 70  # EX_SOFTWARE of sysexits.h


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
