"""The commands, heavy packages only inside one; and where the program begins.

May import the standard library before Ctrl-C is looked for.

    run()      # the console script, and `python -m fsrcnnx`
"""

import signal
import sys


def run() -> None:
    """Run the command line; Ctrl-C is one line also while the commands are still being loaded."""
    try:
        from fsrcnnx.cli.main import run as command

        command()
    except KeyboardInterrupt:  # once a command runs it looks after itself
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("fsrcnnx: error: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
