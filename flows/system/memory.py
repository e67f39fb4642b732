"""How much memory this machine lends to a build, and whether its kernel has taken some back by force."""

import os
from collections.abc import Iterator
from pathlib import Path

from thinkmix.flows.system.cgroups import group_folders, words_of, words_of_lines

SHARE = 0.8
"""Part of the machine's memory that workers may use; the rest is for the parent and the page cache."""

_UNLIMITED = 1 << 60  # how version 1 of control groups writes "no limit", about


def usable_bytes(root: Path = Path("/")) -> int:
    """Return the bytes that all workers together may use: a part of the machine's memory, and what is free.

    Args:
        root: where `proc` and `sys` lie.
    """
    return min([int(SHARE * machine_bytes(root)), *_free(root)])


def machine_bytes(root: Path = Path("/")) -> int:
    """Return the machine's memory in bytes, or what a container or job scheduler left of it to us.

    Args:
        root: where `proc` and `sys` lie.
    """
    return min([physical_bytes(), *_limits(root)])


def physical_bytes() -> int:
    """Return the machine's memory in bytes, whatever of it we may use."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free(root: Path) -> Iterator[int]:
    """Yield what the machine, and each control group with a limit, has left beside what others hold.

    File pages that are in no use count as free, as the kernel does in MemAvailable.
    """
    for line in words_of_lines(root / "proc/meminfo"):
        if line[:1] == ["MemAvailable:"]:
            yield int(line[1]) * 1024
    for folder in group_folders("memory", root):
        for limit, held in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            least, most = words_of(folder / held), words_of(folder / limit)
            if least and most and most[0].isdecimal():
                idle = dict(pair for pair in words_of_lines(folder / "memory.stat") if len(pair) == 2)
                unused = int(idle.get("total_inactive_file", idle.get("inactive_file", "0")))
                yield max(0, int(most[0]) - int(least[0]) + unused)


def kernel_kills() -> int | None:
    """Return how many processes this machine's kernel has killed for memory so far; None if it won't say."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    except OSError:
        pass
    return None


def held_bytes() -> int:
    """Return what this process holds of the memory that RLIMIT_DATA counts."""
    data_pages = int(Path("/proc/self/statm").read_text().split()[5])
    return data_pages * os.sysconf("SC_PAGE_SIZE")


def _limits(root: Path) -> Iterator[int]:
    """Yield the limits of our control group and those above it."""
    for folder in group_folders("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            for word in words_of(folder / name):
                if word.isdecimal() and int(word) < _UNLIMITED:  # the other word is max
                    yield int(word)
