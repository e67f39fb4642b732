"""What writes the output of a stage, and how files in it are named."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path], Mapping[str, object]]
"""Writes a stage's output into the folder that it is given, and returns its result."""

Makers = Callable[[Sequence[int]], Iterable[Make]]
"""Given the places of what is asked for, yields what writes each, in that order."""


@dataclass(frozen=True)
class OneOf:
    """Makers of one output: what makes it, for each place that is asked for."""

    make: Make

    def __call__(self, places: Sequence[int]) -> list[Make]:
        """Return what makes each."""
        return [self.make for _ in places]


@dataclass(frozen=True)
class ForPieces:
    """Makers of an output for each of some pieces, by one call for all that are asked for."""

    call: Callable[..., Iterable[Make]]
    name: str
    """The argument of the call that takes pieces."""
    pieces: Sequence[object]

    def __call__(self, places: Sequence[int]) -> Iterable[Make]:
        """Return what makes each."""
        return self.call(**{self.name: [self.pieces[place] for place in places]})


def numbered_name(name: str, number: int) -> str:
    """Return the file name of a shard's or a part's share of an output."""
    return f"{name}-{number:05d}.parquet"
