"""What the audit says of one version: the same facts in report.json and, for people, in report.html."""

from collections.abc import Mapping
from typing import Literal

from schemas.ledger import Ledger
from schemas.manifest import Share, SourceEntry
from schemas.recipe import Recipe
from schemas.record import Record


class LengthView(Record):
    """How long the examples of one source are, in tokens."""

    source: str
    examples: int
    median: int
    p90: int
    p99: int
    longest: int
    edges: tuple[int, ...]
    """Upper edges of the histogram's bins but the last, which is open."""
    histogram: tuple[int, ...]
    """Examples per bin: one more than there are edges."""
    fits: tuple[float, ...]
    """Fraction of the examples that are no longer than each edge."""


class ClusterView(Record):
    """Groups of rows that say nearly the same."""

    by_size: Mapping[str, int]
    """Number of clusters by number of rows; single rows are no cluster."""
    largest: tuple[str, ...]
    """Ids of the largest clusters, largest first."""


class Sample(Record):
    """A dropped row, cut for display."""

    id: str
    source: str
    file: str
    row: int
    stage: str
    reason: str
    detail: str | None
    content: str


class Check(Record):
    """One thing that must hold before a version may be trained on."""

    name: str
    passed: bool
    detail: str


class Report(Record):
    """The whole audit. `version` counts changes of this layout."""

    version: Literal[1] = 1
    mixture: str
    title: str
    checks: tuple[Check, ...]
    shares: tuple[Share, ...]
    ledger: Ledger
    lengths: tuple[LengthView, ...]
    clusters: ClusterView
    samples: tuple[Sample, ...]
    sources: tuple[SourceEntry, ...]
    recipe: Recipe
    template_sha256: str
    tokenizer_sha256: str
    content_sha256: str
