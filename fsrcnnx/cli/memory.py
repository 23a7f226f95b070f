"""How much memory a command may take.

May import the standard library.

    free_memory()
"""

from __future__ import annotations

from pathlib import Path


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
