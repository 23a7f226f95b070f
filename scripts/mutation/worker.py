# SPDX-License-Identifier: Apache-2.0
"""Runs checks one at a time in a copy of the checkout, each in a fork with the libraries loaded.

It imports nothing of the project itself, so that each fork reads the copy as it is then. A line of
JSON in is a check, a line out what came of it. A check that takes too much time is ended with all
that it started: time of the processor, since the machine may be shared, and of the clock.

    python scripts/mutation/worker.py < checks
"""

import contextlib
import json
import os
import resource
import runpy
import signal
import sys
import time


def child(args: list[str], log: str, cpu: int) -> None:
    """Run pytest, or the module behind -m, and end with its code."""
    os.setpgid(0, 0)  # its own group, in the same session
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, 8 << 30))
    try:
        if args[0] == "-m":
            sys.argv = args[1:]
            runpy.run_module(args[1], run_name="__main__", alter_sys=True)
            code = 0
        else:
            import pytest

            code = pytest.main([*args, "-x", "-q", "-rN", "--tb=short", "-p", "no:cacheprovider",
                                "--hypothesis-seed=1"])
    except SystemExit as stop:
        code = stop.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


def ended(group: int) -> None:
    """End what is left of a check."""
    with contextlib.suppress(ProcessLookupError):  # it left nothing
        os.killpg(group, signal.SIGKILL)


def check(args: list[str], log: str, cpu: int) -> dict:
    """Run a check; its exit code, negative if a signal ended it, and its time."""
    began, pid = time.monotonic(), os.fork()
    if not pid:
        child(args, log, cpu)
    done, late = 0, False
    while not done:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if not done:
            late = time.monotonic() - began > 20 * cpu
            if late:
                ended(pid)
                done, status, used = os.wait4(pid, 0)
            time.sleep(0.02)
    ended(pid)
    code = os.waitstatus_to_exitcode(status)
    return {"code": -signal.SIGXCPU if late else code,
            "cpu": round(used.ru_utime + used.ru_stime, 2)}


def main() -> None:
    """Serve checks until standard input ends."""
    import cocotb_tools.runner  # noqa: F401
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import onnx  # noqa: F401
    import pytest  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(check(asked["args"], asked["log"], asked["cpu"])), flush=True)


if __name__ == "__main__":
    main()
