"""What models make of held-out rows, as JSON and as a page beside the page of the training."""

from pathlib import Path

from pydantic import Field

from thinkmix.flows.pages.render import render
from thinkmix.flows.pages.verdict import Verdict
from thinkmix.flows.store.atomic import write_atomically
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.schemas.record import Record

PAGE = "evaluation.html"
FACTS = "evaluation.json"
_FEWEST = 20
"""Rows below which a bootstrap interval is too narrow to bear a verdict."""


class Score(Record):
    """What EvalScope gives a model for a subset, by one metric."""

    benchmark: str
    subset: str
    metric: str
    score: float
    rows: int


class Speed(Record):
    """What `evalscope perf` measured, by the names that it gives its figures."""

    figures: dict[str, float]


class Interval(Record):
    """A figure with its 95 % interval: bootstrap over rows."""

    value: float
    low: float
    high: float


class Verified(Record):
    """Two models on the rows whose answer can be verified."""

    rows: int
    """Rows with an answer that can be verified."""
    undecided: int
    """Rows at which an answer can be judged neither right nor wrong; they count nowhere else."""
    wins: int
    """Rows at which the model alone is right."""
    both: int
    neither: int
    losses: int
    """Rows at which the other model alone is right."""
    p: float
    """Of McNemar's exact test, two-sided: how likely as many wins or losses are if both are as good."""
    difference: Interval | None = None
    """Share of right answers of the model less that of the other; None without a decided row."""


class LossPair(Record):
    """Mean loss of two models on the completions of the same held-out rows, in nats per trained token."""

    rows: int
    model: float
    against: float
    difference: Interval
    """Loss of the model less that of the other: below zero the model is better."""


class Evaluation(Record):
    """What `thinkmix evaluate` found."""

    mixture: str
    mixture_digest: str
    model: str
    against: str | None = None
    seed: int
    limit: int
    """Most rows of a source and a mode."""
    rows: int
    """Held-out rows that were asked."""
    evalscope: str | None = None
    """Release of EvalScope; None if it did not run."""
    scores: tuple[Score, ...] = ()
    against_scores: tuple[Score, ...] = ()
    verified: dict[str, Verified] = Field(default_factory=dict)
    """Two models beside each other: all rows under the empty name, then each source and mode."""
    loss: LossPair | None = None
    speed: Speed | None = None
    notes: tuple[str, ...] = ()
    """What was not done, and why."""


def write_evaluation(folder: Path, told: Evaluation) -> Path:
    """Write an evaluation as JSON and as a page into a folder; return the page's path.

    Raises:
        StoreError: if the disk is full or refuses.
    """
    page = render("evaluation.html.jinja", told=told, verdict=verdict(told), rivals=_rivals(told))
    with full_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / FACTS, (told.model_dump_json(indent=2) + "\n").encode())
        write_atomically(folder / PAGE, page.encode())
    return folder / PAGE


def verdict(told: Evaluation) -> Verdict:
    """Return what two models come to beside each other; nothing is claimed that an interval does not bear."""
    words: list[str] = []
    signs: list[int] = []
    whole = told.verified.get("")
    if whole and whole.difference:
        found = whole.difference
        sign = _sign(found.low, found.high) if whole.rows - whole.undecided >= _FEWEST else 0
        signs.append(sign)
        words.append(
            f"Of {whole.rows - whole.undecided} verified answers it alone has {whole.wins} right, "
            f"the other alone {whole.losses} (p = {whole.p:.2g})."
        )
    if told.loss:
        gap = told.loss.difference
        signs.append(-_sign(gap.low, gap.high) if told.loss.rows >= _FEWEST else 0)
        words.append(f"Held-out loss {told.loss.model:.3f} against {told.loss.against:.3f}.")
    if not signs:
        return Verdict(
            "warn", "Nothing was compared.", "measured", "Scores stand alone: name a model with --against."
        )
    if any(sign < 0 for sign in signs):
        return Verdict("bad", "It is worse than the other.", "worse", " ".join(words))
    if any(sign > 0 for sign in signs):
        return Verdict("good", "It is better than the other.", "better", " ".join(words))
    return Verdict("warn", "No difference is shown.", "no difference", " ".join(words))


def _sign(low: float, high: float) -> int:
    return (low > 0) - (high < 0)


def _rivals(told: Evaluation) -> dict[tuple[str, str, str], float]:
    return {(one.benchmark, one.subset, one.metric): one.score for one in told.against_scores}
