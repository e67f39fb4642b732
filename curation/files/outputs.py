"""What writes the output of a stage, and how files in it are named."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

Make = Callable[[Path], Mapping[str, object]]
"""Writes a stage's output into the folder that it is given, and returns its result."""

Makers = Callable[[Sequence[int]], Iterable[Make]]
"""Given the places of what is asked for, yields what writes each, in that order."""


def numbered(name: str, number: int) -> str:
    """Return the file name of a shard's or a part's share of an output."""
    return f"{name}-{number:05d}.parquet"
