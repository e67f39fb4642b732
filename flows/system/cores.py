"""How many cores this process may keep busy: those it may run on, or the quota of its container."""

import os
from collections.abc import Iterator
from pathlib import Path

from thinkmix.flows.system.cgroups import group_folders, words_of


def usable_cores(root: Path = Path("/")) -> int:
    """Return how many processes may work at once without waiting for each other, at least one.

    Args:
        root: where `proc` and `sys` lie.
    """
    quota = cpu_quota(root)
    visible = visible_cores()
    return visible if quota is None else max(1, min(visible, int(quota)))


def visible_cores() -> int:
    """Return how many cores this process may run on, whatever time it is given on them."""
    return len(os.sched_getaffinity(0))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return how many CPUs' time our control group and those above it may use; None without a quota."""
    return min(_quotas(root), default=None)


def _quotas(root: Path) -> Iterator[float]:
    for folder in group_folders("cpu", root):
        both = words_of(folder / "cpu.max")  # version 2
        old = [*words_of(folder / "cpu.cfs_quota_us"), *words_of(folder / "cpu.cfs_period_us")]
        for words in (both, old):
            if (
                len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1])
            ):  # not max, not -1
                yield int(words[0]) / int(words[1])
