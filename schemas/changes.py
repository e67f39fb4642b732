"""What differs between two versions of a mixture: rows, the reasons that moved them, and settings."""

from collections.abc import Mapping
from typing import Literal

from thinkmix.schemas.record import Record

Cause = Literal["upstream", "rule", "duplicate", "sample"]
"""Why a row moved: its source's files changed, a rule or setting did, another row of its cluster came or
went, or the hash order gave its place to another one."""

ABSENT, MIXTURE = "absent", "mixture"
"""Outcomes beside the reasons: the source does not have the row, and the row is in the mixture."""


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
    """Rows dropped, by reason; reasons that dropped as many rows on both sides are among them."""


class Move(Record):
    """Rows that went from one outcome to another for one cause.

    Rows that are in both mixtures with another content went from `mixture` to `mixture`.
    """

    source: str
    cause: Cause
    before: str
    """A reason, `mixture`, or `absent` for a row that its source did not have."""
    after: str
    rows: int
    examples: tuple[str, ...]
    """Ids of a few of them, smallest first: those of the later version, or of the older one if the row is
    absent from the later."""


class StabilityIndex(Record):
    """How far a distribution moved."""

    source: str
    measure: str
    """What is distributed: `tokens`, `think_tokens`, or the name of a spread (`language`, `turns`, ...)."""
    psi: float
    """Population stability index, sum((after - before) * ln(after / before)) over bins; over 0.2 is a lot."""


class Changes(Record):
    """Everything that differs between two versions.

    kept + removed are the rows of the older mixture, kept + added those of the later one, and the moves say
    of each row that was added, removed or changed where it came from or went.
    """

    before: str
    """Digest of the older version."""
    after: str
    added: int
    """Raw rows in the mixture that were not in it."""
    removed: int
    kept: int
    """Rows that are in both mixtures."""
    changed: int
    """Rows among the kept ones whose content is another one: same file and row, other turns."""
    sources: tuple[SourceChange, ...]
    moves: tuple[Move, ...]
    """Most rows first."""
    stability: tuple[StabilityIndex, ...]
    """Distributions that moved by 0.0001 or more, farthest first."""
    settings: tuple[str, ...]
    """Sentences: which revisions, recipe fields, code, template or libraries changed, from what to what."""
