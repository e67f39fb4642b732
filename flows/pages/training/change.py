"""How the held-out loss moved in a training: of all rows, of each source and of each mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from thinkmix.train.output.result import Evaluation, TrainResult

NOTICEABLE = 0.01
"""Nats per token, one percent of a token's probability: a held-out loss that moved by less has not moved."""

MODES: Mapping[str, str] = {"thinking": "rows with a trace", "non_thinking": "rows without a trace"}


@dataclass(frozen=True)
class Change:
    """The held-out loss of some rows with the model as it came, and with the weights that were written."""

    kind: Literal["all", "source", "mode"]
    key: str
    """The source's name, or the mode's; empty for all rows."""
    rows: int
    before: float
    after: float
    tolerance: float | None
    """How far it might rise, if it is a protected source."""

    @property
    def name(self) -> str:
        """Return whose loss it is, for people."""
        return {"all": "all rows", "source": self.key, "mode": MODES.get(self.key, self.key)}[self.kind]

    @property
    def moved(self) -> float:
        """Return by how many nats it moved; below zero it is better."""
        return self.after - self.before

    @property
    def went(self) -> Literal["fell", "stayed", "rose"]:
        """Return where it went; what is no number has risen."""
        if self.moved <= -NOTICEABLE:
            return "fell"
        return "stayed" if self.moved < NOTICEABLE else "rose"

    @property
    def told(self) -> str:
        """Return it as `2.310 → 1.942 (−0.368)`."""
        return f"{self.before:.3f} → {self.after:.3f} ({format_change(self.moved)})"

    @property
    def too_high(self) -> bool:
        """Return whether a protected source is above its tolerance."""
        return self.tolerance is not None and not self.moved <= self.tolerance


def changes(
    before: Evaluation | None, after: Evaluation | None, protected: Mapping[str, float]
) -> list[Change]:
    """Return how the held-out loss moved: of all rows, per source and per mode; empty if not measured."""
    if before is None or after is None:
        return []
    was, now = before.total, after.total
    found = [Change("all", "", now.rows, was.loss, now.loss, None)]
    for key, now in after.by_source.items():
        found.append(
            Change("source", key, now.rows, before.by_source[key].loss, now.loss, protected.get(key))
        )
    for key, now in after.by_mode.items():
        found.append(Change("mode", key, now.rows, before.by_mode[key].loss, now.loss, None))
    return found


def changes_of(result: TrainResult) -> list[Change]:
    """Return how the held-out loss moved in a finished run."""
    return changes(result.eval_before, result.eval_after, result.plan.protected)


def format_change(number: float) -> str:
    """Return how far a loss moved: `+0.012`, `−0.368`, `±0`."""
    word = f"{abs(number):.3f}"
    return "±0" if float(word) == 0 else f"{'−' if number < 0 else '+'}{word}"
