"""What a collection of a store removed, and what it kept and why."""

from collections import Counter
from typing import Literal

from thinkmix.schemas.record import Record

Kind = Literal["version", "run", "output", "download", "encoding", "training", "leftover"]


class Removed(Record):
    """Something that was (or would be) removed."""

    kind: Kind
    path: str
    """Relative to the store."""


class KeptVersion(Record):
    """A version that stays."""

    mixture: str
    version: str
    why: str
    """The first reason that applies: current, approved, published, blocked, recent or in use."""


class Retained(Record):
    """What a collection came to."""

    dry_run: bool
    removed: tuple[Removed, ...]
    kept: tuple[KeptVersion, ...]
    freed_bytes: int
    """Of the disk; a file that still has another name frees nothing."""
    failed: tuple[str, ...]
    """What could not be removed, a sentence each."""

    @property
    def sentence(self) -> str:
        """Return in one line what was removed."""
        counts = Counter(removed.kind for removed in self.removed)
        listed = ", ".join(f"{number} {kind}{'s' * (number != 1)}" for kind, number in sorted(counts.items()))
        verb = ("removed", "would remove")[self.dry_run]
        return f"{verb} {listed or 'nothing'}; {self.freed_bytes / 1e6:,.1f} MB freed"
