"""Processes of this machine: which one a pid means, although pids are used again."""

from contextlib import suppress
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot() -> str:
    """Return the id of the machine's boot; empty where the system has none."""
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return ""


def born(pid: int) -> str:
    """Return when a process began, in ticks since boot; empty if it is gone, or the system does not say."""
    with suppress(OSError, IndexError):
        # the name of the program stands in brackets and may hold anything
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state == "Z" else rest[18]  # one that ended and was not waited for is gone
    return ""
