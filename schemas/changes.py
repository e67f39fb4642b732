"""What differs between two versions of a mixture: rows, the reasons that moved them, and settings."""

from collections.abc import Mapping
from typing import Literal

from schemas.record import Record

Cause = Literal["upstream", "rule", "duplicate", "draw"]
"""Why a row moved: its source's files changed, a rule or setting did, another row of its cluster came or
went, or the hash order gave its place to another one."""


class Delta(Record):
    """A figure on both sides."""

    before: int
    after: int


class SourceChange(Record):
    """One source on both sides; a source that is on one side only has zeros on the other."""

    source: str
    read: Delta
    """Raw rows."""
    mixture_rows: Delta
    """Raw rows with at least one example in the mixture."""
    examples: Delta
    tokens: Delta
    reasons: Mapping[str, Delta]
    """Rows dropped, by reason."""


class Move(Record):
    """Rows that went from one fate to another for one cause."""

    source: str
    cause: Cause
    before: str
    """A reason, `mixture`, or `absent` for a row that its source did not have."""
    after: str
    rows: int
    examples: tuple[str, ...]
    """Ids of a few of them, smallest first."""


class Shift(Record):
    """How far a distribution moved."""

    source: str
    measure: str
    """What is distributed: `tokens`, `think_tokens`, `languages`."""
    psi: float
    """Population stability index, sum((after - before) * ln(after / before)) over bins; over 0.2 is a lot."""


class Changes(Record):
    """Everything that differs between two versions."""

    before: str
    """Digest of the older version."""
    after: str
    added: int
    """Raw rows in the mixture that were not in it."""
    removed: int
    changed: int
    """Rows at the same place of the same file whose content is another one, in both mixtures."""
    kept: int
    """Rows that are in both mixtures."""
    sources: tuple[SourceChange, ...]
    moves: tuple[Move, ...]
    """Most rows first."""
    shifts: tuple[Shift, ...]
    settings: tuple[str, ...]
    """Sentences: which revisions, recipe fields, code, template or libraries changed, from what to what."""
