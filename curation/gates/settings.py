"""What a recipe says of gates: what must not change too much between builds, and what happens if it did."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol

from pydantic import BeforeValidator, Field, model_validator

from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.validate.source import SourceBase
from thinkmix.schemas.gates import Level
from thinkmix.schemas.record import Record


def _off_in_yaml(value: object) -> object:
    return "off" if value is False else value  # what YAML makes of a plain `off`


Action = Annotated[Literal["off", "warn", "fail"], BeforeValidator(_off_in_yaml)]
"""What a gate does when its limit is passed: nothing, say so, or block the version for a person to approve."""

Rate = Annotated[float, Field(ge=0, le=1)]
"""A fraction of rows."""

Growth = Annotated[float, Field(ge=0, le=1_000_000)]
"""A change as a fraction of what there was before: 1 means as much again."""

Points = Annotated[float, Field(ge=0, le=100)]
"""Percentage points."""


class Gate(Record):
    """One thing that is looked at in every build."""

    action: Action = "warn"
    """What happens if it is not as it should be: nothing, a warning, or a version that awaits a person."""

    def level(self, broken: bool) -> Level:
        """Return what the gate says of one place; a gate that is off says nothing that anyone asks for."""
        return "pass" if not broken else "fail" if self.action == "fail" else "warn"


class AmountGate(Gate):
    """How far an amount may be from that of the last good build."""

    fewer: Rate = 0.1
    """Largest fraction of the earlier amount that may be gone."""
    more: Growth = 1.0
    """Largest fraction of the earlier amount that may have come on top of it; 1 is twice as much."""


class DriftGate(Gate):
    """How far a share may move from that of the last good build."""

    points: Points = 2.0
    """Percentage points."""


class RateGate(Gate):
    """How large a fraction of the rows may be."""

    limit: Rate
    """Largest fraction of the rows that the stage read."""


class GrowthGate(Gate):
    """How much larger a fraction of the rows may be than in the last good build."""

    points: Points
    """Percentage points."""


class CountGate(Gate):
    """How many rows something may concern."""

    rows: int = Field(default=0, ge=0, le=10**12)
    """Rows that are not worth a word."""


class StabilityGate(Gate):
    """How far a distribution may move from that of the last good build."""

    psi: float = Field(default=0.2, ge=0, le=100)
    """Population stability index; by custom 0.1 is a little and 0.2 is a lot."""


class ExpectationGate(Gate):
    """How far the rows of a source may be from the number that it states as `expect_rows`."""

    tolerance: Rate = 0.0
    """Largest fraction of the expected rows by which a source may have more or fewer."""


class Gates(Record):
    """What is looked at before a version becomes current; without an earlier one, only what needs none."""

    rows: AmountGate = AmountGate(action="fail")
    """Raw rows that a source holds."""
    tokens: AmountGate = AmountGate()
    """Tokens that a source brings into the mixture."""
    shares: DriftGate = DriftGate()
    """A source's part of the mixture in examples, tokens and trainable tokens, whichever moved farthest."""
    quarantine: RateGate = RateGate(limit=0.25)
    """Rows of a source that are left out for one reason, duplicates and rows that were not sampled aside."""
    quarantine_growth: GrowthGate = GrowthGate(action="fail", points=5.0)
    """The same rows, against the last good build."""
    new_reason: CountGate = CountGate()
    """Rows of a source that are left out for a reason that did not occur in the last good build."""
    layout: Gate = Gate(action="fail")
    """How the rows of a source are laid out: the format that they were read by, with its settings."""
    column_gone: Gate = Gate(action="fail")
    """A column that the files of a source no longer have."""
    column_type: Gate = Gate(action="fail")
    """A column that has another data type, or several that do not agree."""
    column_values: Gate = Gate()
    """A text column with few values that has other ones now."""
    column_nulls: GrowthGate = GrowthGate(points=1.0)
    """Rows of a source that have no value in a column."""
    column_extra: Gate = Gate()
    """A column that the files of a source did not have."""
    duplicates: RateGate = RateGate(limit=0.75)
    """Rows of a source that are left out because another row says the same."""
    near_duplicates: RateGate = RateGate(limit=0.5)
    """Rows of a source that are left out as nearly the same, if `compare`, `numbers` or
    `max_solutions_per_problem` could tell them apart or keep more of them."""
    duplicates_growth: GrowthGate = GrowthGate(points=5.0)
    """The same rows, against the last good build."""
    lengths: StabilityGate = StabilityGate()
    """How long the examples of a source are, in tokens."""
    contamination: RateGate = RateGate(limit=0.01)
    """Rows of a source that are left out because they are questions of a benchmark."""
    killed: CountGate = CountGate(action="fail")
    """Rows of a source that ended the process that worked on them, and were left out: how many that are
    depends on the memory of the machine."""
    encoding: CountGate = CountGate()
    """Rows of a source with bytes that are not UTF-8, which could not be read whole."""
    unread_fields: CountGate = CountGate()
    """Values of a field that nothing reads although its name looks like reasoning, a weight, tools, a system
    prompt, history, a score or an image."""
    findings: CountGate = CountGate()
    """What validation found in the rows of a source that teaches a model something wrong: answers against
    their switch, calls without a response, marks and scores that say nothing."""
    size: RateGate = RateGate(limit=0.0)
    """What is missing of the mixture's `size`."""
    bottleneck: RateGate = RateGate(limit=0.75)
    """Examples that are left out because one source has too few for its share, where no `size` is stated."""
    absent: Gate = Gate()
    """A source that brings no example into the mixture, as one with a share of 0 does."""
    expected_rows: ExpectationGate = ExpectationGate(action="fail")
    """Raw rows of a source that states how many there must be."""

    @model_validator(mode="before")
    @classmethod
    def _keep_other_defaults(cls, stated: object) -> object:
        """Leave what a recipe does not say of a gate as that gate has it, not as its kind has it."""
        if not isinstance(stated, Mapping):
            return stated
        return {
            name: {**_DEFAULTS[name], **gate} if name in _DEFAULTS and isinstance(gate, Mapping) else gate
            for name, gate in stated.items()
        }


_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    name: field.default.model_dump() for name, field in Gates.model_fields.items()
}


class Asked(Protocol):
    """What a recipe asks of a version, as far as gates look at it."""

    @property
    def sources(self) -> Sequence[SourceBase]:
        """What is said of the rows of each source."""

    @property
    def mix(self) -> MixPlan:
        """What the mixture was asked to be."""

    @property
    def dedup(self) -> DedupPlan:
        """How near-duplicates were looked for."""

    @property
    def gates(self) -> Gates:
        """The limits."""
