"""What the audit says of one version: facts that follow from the version alone, the same in any run."""

from collections.abc import Mapping
from typing import Literal

from thinkmix.schemas.columns import Columns
from thinkmix.schemas.findings import UnreadField
from thinkmix.schemas.ledger import Ledger, TurnCount
from thinkmix.schemas.manifest import FlagCount, Share, SourceEntry
from thinkmix.schemas.record import Record
from thinkmix.schemas.stated import Stated


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


class ThinkView(Record):
    """How much the examples of one source think."""

    source: str
    thinking: int
    """Examples that hold a trace."""
    direct: int
    """Examples that hold none."""
    median: int
    p90: int
    longest: int
    """In tokens of the trace, over the thinking examples."""
    edges: tuple[int, ...]
    histogram: tuple[int, ...]
    """Thinking examples per bin of trace length, in tokens: one more than there are edges."""


class PairedSources(Record):
    """Two sources, or one twice, that answer the same questions in different modes."""

    thinking: str
    """Answers with a trace."""
    direct: str
    """Answers without one."""
    questions: int


class ModePairs(Record):
    """Questions of the mixture that are answered with a trace and without one.

    A model learns to switch better from both modes on different questions (arXiv:2510.12680).
    """

    questions: int
    """Problems that have an example in the mixture; questions that are alike are one problem."""
    both: int
    """Of these, problems that have examples with a trace and without one."""
    sources: tuple[PairedSources, ...] = ()
    """Who answers them, most questions first."""


class Spread(Record):
    """How many rows of one source in the mixture fall into each of a few named groups."""

    source: str
    measure: Literal["solutions_per_problem", "pass_rate", "language", "turns"]
    rows: Mapping[str, int]
    """Rows by group, in display order; groups are named for people (`1`, `2`, `3-5`, `0.8-1.0`, `zh`)."""


class Unread(UnreadField):
    """A field of a source's rows that nothing reads."""

    looks_like: str | None
    """What its name suggests, a key of `thinkmix.schemas.findings.KINDS`; unset for other names."""
    setting: str | None
    """What the recipe says to have it read, where a setting of the format does."""


class SourceFindings(Record):
    """What was found in the rows of one source that is not a reason to drop them."""

    source: str
    found: Mapping[str, int]
    """How often, by finding, of the rows that validation kept."""
    unread: tuple[Unread, ...]
    """Fields that nothing reads, of all rows."""
    cut: bool = False
    """Whether there are more unread fields than are listed."""
    encodings: Mapping[str, int] = {}
    """Rows with bytes that are not UTF-8, which could not be read, by the encoding that they seem to have;
    `unknown` if nothing tells."""


class ClusterRow(Record):
    """A member of a displayed cluster, cut for display."""

    id: str
    source: str
    outcome: str
    """`kept`, or the reason it was dropped for."""
    text: str


class Cluster(Record):
    """One group of rows that say nearly the same."""

    id: str
    size: int
    rows: tuple[ClusterRow, ...]
    """A few of its members, the kept ones first."""


class ClusterView(Record):
    """Groups of rows that say nearly the same."""

    by_size: Mapping[str, int]
    """Number of clusters by number of rows; single rows are no cluster."""
    largest: tuple[Cluster, ...]
    """The largest clusters, largest first."""


class Precision(Record):
    """How often rows that dedup leaves out for one reason repeat the row that stays.

    Measured by the project: the pairs that were read are of other rows than the version's.
    """

    reason: str
    right: int
    """Pairs that state the same problem, or ask the same."""
    pairs: int
    """Pairs of a row that was left out and the row that stays instead, read and judged."""
    low: float
    high: float
    """Bounds of the 95 % interval of `right` / `pairs`."""
    planted: int
    """Rows that are planted for the reason in the embedded sample; all are found, and no other row."""


class Sample(Record):
    """A row as an example of its outcome, cut for display."""

    id: str
    source: str
    file: str
    row: int
    stage: str
    reason: str
    """Why it was dropped; empty for a row of the mixture."""
    detail: str | None
    content: str
    """Raw JSON of a dropped row, or text of a kept one; cut around the offending span where there is one."""
    highlight: tuple[int, int] | None = None
    """Where in `content` the offending characters start and end; unset where it is not a matter of a few."""


class Check(Record):
    """One thing that must hold before a version may be trained on."""

    name: str
    passed: bool
    detail: str


class AnswerCount(Record):
    """How the final answers of some rows are to what their source says that they are."""

    source: str
    by: Literal["all", "problem_type", "solver", "pass_rate"]
    """What the rows have in common: the source alone, the type of the problem, who wrote the solution, or how
    often a model solved the problem."""
    value: str
    """Its value; empty if rows do not state it."""
    agree: int
    disagree: int
    unparseable: int
    """Answers that cannot be compared."""
    none: int
    """Rows without a final answer."""
    several: int
    """Rows that state several answers; one that is not the last is right."""
    no_reference: int
    """Rows whose source names no answer."""
    problems: int
    """Problems whose source names an answer."""
    unsolved: int
    """Of these, problems that no row answers rightly."""


class Report(Record):
    """The facts of one version, `report.json` in its folder. `version` counts changes of this layout."""

    version: Literal[2] = 2
    mixture: str
    title: str
    checks: tuple[Check, ...]
    shares: tuple[Share, ...]
    ledger: Ledger
    lengths: tuple[LengthView, ...]
    thinking: tuple[ThinkView, ...] = ()
    mode_pairs: ModePairs | None = None
    """Unset in reports of older releases."""
    spreads: tuple[Spread, ...] = ()
    columns: tuple[Columns, ...] = ()
    turns: tuple[TurnCount, ...] = ()
    findings: tuple[SourceFindings, ...] = ()
    not_scanned: Mapping[str, str] = {}
    """Evaluations that rows were to be checked against, and why they were not."""
    flags: tuple[FlagCount, ...] = ()
    answers: tuple[AnswerCount, ...] = ()
    """Of valid rows that rules keep; none if no rule compares answers."""
    clusters: ClusterView
    precision: tuple[Precision, ...] = ()
    """How often dedup is right, of the release that made the version."""
    samples: tuple[Sample, ...]
    flagged: tuple[Sample, ...] = ()
    """Rows of the mixture that rules flag; the reason of each is its flag."""
    sources: tuple[SourceEntry, ...]
    recipe: Stated
    template_sha256: str
    tokenizer_sha256: str
    content_sha256: str
