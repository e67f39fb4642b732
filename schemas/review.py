"""What people say of sampled rows, and what that says of the rules: records of a review."""

from typing import Literal

from pydantic import Field

from thinkmix.schemas.record import Record

Opinion = Literal["keep", "drop", "right", "wrong", "unsure"]
"""What a person would do with a row, `keep` or `drop`; of a hit of a rule, whether it is right or wrong."""

HIT = "hit:"
"""Stands before the name of a rule in the place of a reason, where its hits are reviewed."""


def opinions_on(reason: str) -> tuple[Opinion, ...]:
    """Return what may be said of a row under this reason."""
    return ("right", "wrong", "unsure") if reason.startswith(HIT) else ("keep", "drop", "unsure")


KEPT = "kept"
"""Stands in the place of a reason for rows of the mixture."""

UNJUDGED = ("not_sampled",)
"""Reasons that judge no row: it was good, and there was no room for it."""


class Question(Record):
    """One sampled row as a person is asked about it: a line of the file that is filled in."""

    id: str
    source: str
    reason: str
    """Why it was dropped, or `kept`; of a hit, `hit:` and the rule."""
    meaning: str = ""
    """What the reason says, in a sentence."""
    detail: str | None
    file: str
    row: int
    text: str | None
    """What the row says; unset if neither the version nor the source's file holds it any more."""
    words: str | None = None
    """Of a hit, the words that the rule marks between » and «, with what stands around them."""
    instead: str | None = None
    """The row that stays instead of a duplicate."""
    version: str
    seed: int
    each: int
    """Sampling that the row belongs to: most rows of a stratum."""
    verdict: Opinion | Literal[""] = ""
    """To be filled in."""


class Verdict(Record):
    """What one person said of one row: a line of the store's reviews.

    It holds for the pair of `id`, which says what the row is, and `reason`, which says what was done to it.
    """

    id: str
    source: str
    reason: str
    verdict: Opinion
    who: str
    when: str
    """UTC, ISO 8601."""
    seed: int
    each: int


class Rate(Record):
    """An estimated rate with its 95 % confidence interval."""

    estimate: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class StratumScore(Record):
    """What the review says of one source's rows of one reason."""

    source: str
    reason: str
    rows: int
    """Rows of the stratum, by the ledger."""
    sampled: int
    judged: int
    """Sampled rows that were called keep or drop; of hits, right or wrong."""
    unsure: int
    wrong: int
    """Judged rows whose outcome was another than the person's verdict; hits that were called wrong."""
    rate: Rate | None
    """Of wrong rows; unset if none was judged."""


class Total(Record):
    """A rate over several strata, weighted by their rows."""

    rows: int
    covered: int
    """Rows of the strata with at least one judged row: the rate covers these."""
    judged: int
    wrong: int
    rate: Rate | None


class RuleScore(Record):
    """How often the hits of one rule are right, as far as the reviewed ones tell."""

    rule: str
    hits: int
    """Rows of the version that it flagged or that were left out by it."""
    read: int
    """Hits that were called right or wrong."""
    right: int
    precision: Rate | None
    """Share of its hits that are right, the sources weighted by their hits; unset if none was judged."""
    says: str
    """What follows for the recipe, in a sentence."""


class ReviewScore(Record):
    """How often the rules err, as far as the reviewed rows tell."""

    version: str
    mixture: str
    seed: int
    each: int
    reviewers: tuple[str, ...]
    reused: int
    """Verdicts given on another version, on the same row with the same reason."""
    strata: tuple[StratumScore, ...]
    false_drop: Total
    """Dropped rows that should have been kept."""
    false_keep: Total
    """Rows of the mixture that should have been dropped."""
    rules: tuple[RuleScore, ...] = ()
    """Of a review of the hits of rules, what it says of each."""
