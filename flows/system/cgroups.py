"""Control groups: where the kernel keeps what a container or a job scheduler may use."""

from collections.abc import Iterator
from pathlib import Path


def group_folders(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of our control group and those above it, in either version of the file system.

    Args:
        controller: what is limited, like `memory`.
        root: where `proc` and `sys` lie.
    """
    for group in _lines(root / "proc/self/cgroup"):
        _, controllers, name = group.split(":", 2)
        if not controllers:  # version 2, alone or beside version 1
            tops = ["", "unified"]
        elif controller in controllers.split(","):
            tops = sorted({controller, controllers})  # cpu may be mounted as cpu, as cpu,cpuacct, or as both
        else:
            continue
        for top in (root / "sys/fs/cgroup" / each for each in tops):
            here = top / name.lstrip("/")
            yield from (folder for folder in (here, *here.parents) if folder.is_relative_to(top))


def words_of(path: Path) -> list[str]:
    """Return the words of a file that the kernel writes; none if it is not there."""
    return " ".join(_lines(path)).split()


def words_of_lines(path: Path) -> list[list[str]]:
    """Return the words of each line of such a file."""
    return [line.split() for line in _lines(path)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
