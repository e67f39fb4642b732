"""How good each rule was found to be, from `proven.json`, and whether that is enough to drop rows by it.

The rows are those of the reference material beside the checkout, and every figure is one of the rule's
default settings. An edit of a record makes no output again.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import Field, TypeAdapter

from thinkmix.curation.rules.contract import Rule
from thinkmix.curation.rules.precision import LEAST, READ, may_drop, percent, share_of
from thinkmix.schemas.record import Record, json_text
from thinkmix.schemas.review import Rate

_RECORDS = Path(__file__).with_name("proven.json")


class Proven(Record):
    """What was measured of a rule with its default settings: an entry of `proven.json`."""

    rule: str
    judged: int
    """Rows that it judged."""
    hits: int
    """Of these, rows in which it found something."""
    read: int = 0
    """Hits that a person read and judged."""
    right: int = 0
    """Of these, hits in which what it marks is a defect of the row in their eyes."""
    planted: int = 0
    """Clean rows into which what it looks for was planted."""
    found: int = 0
    """Of these, rows in which it found it."""
    seconds: float = Field(ge=0)
    """Seconds of a core for all rows that it judged."""
    bytes: int
    """Text of these rows."""
    misses: tuple[str, ...] = ()
    """What it is known to miss or to find in error, in sentences."""

    @property
    def precision(self) -> Rate | None:
        """Of its hits, the share that is right; None where fewer were read than it takes."""
        return share_of(self.right, self.read) if self.read >= min(READ, self.hits) else None

    @property
    def recall(self) -> Rate | None:
        """Of the planted rows, the share that it finds; None where nothing was planted."""
        return share_of(self.found, self.planted)

    @property
    def megabytes_per_second(self) -> float:
        """How fast it judges, on one core."""
        return self.bytes / 1e6 / self.seconds if self.seconds else 0.0


@cache
def records() -> Mapping[str, Proven]:
    """Return what was measured, by rule."""
    listed = TypeAdapter(tuple[Proven, ...]).validate_json(_RECORDS.read_bytes())
    return {record.rule: record for record in listed}


def changed_settings(rule: Rule) -> dict[str, object]:
    """Return the settings of a rule that decide what it finds and are not the default ones."""
    return {
        name: value
        for name, field in type(rule).model_fields.items()
        if name not in Rule.model_fields and (value := getattr(rule, name)) != field.default
    }


def refuse_drop(name: str, rule: Rule | None, reviewed: Rate | None) -> str:
    """Return why a rule may not drop rows, and what to do instead; empty where it may.

    Args:
        name: the rule's name.
        rule: with its settings; None for a rule of a user's file, which has no record.
        reviewed: the precision that the recipe states for it, if it states one.
    """
    record = records().get(name) if rule else None
    changed = changed_settings(rule) if rule else {}
    if reviewed:
        measured, known = reviewed, f"the precision that `reviewed` states is {percent(reviewed)}"
    elif changed:
        others = ", ".join(f"{setting}: {json_text(value)}" for setting, value in changed.items())
        measured, known = None, f"its precision is not measured with {others}"
    elif record and (found := record.precision):
        measured = found
        known = f"{record.right} of {record.read} hits that were read are right, {percent(found)}"
    else:
        measured, known = None, "its precision is not measured"
    if may_drop(measured):
        return ""
    return (
        f"the rule {name} may not drop rows: {known}, and it takes {LEAST:.0%} (docs/rules.md). "
        f"Write `{name}: flag`, and `select: {{without: [{name}]}}` at a source to leave such rows out all "
        f"the same, or state what a review of your own rows found: `reviewed: {{read: …, right: …}}`"
    )
