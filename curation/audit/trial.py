"""What rules would find in rows, whether or not they are on: how many, and the first one with its words."""

from collections.abc import Sequence
from typing import NamedTuple

from thinkmix.curation.rules.contract import Action, Applied, Verdict, detail_of
from thinkmix.curation.rules.own import RuleFailed
from thinkmix.curation.rules.proven import records
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.schemas.conversation import Conversation
from thinkmix.schemas.record import Record
from thinkmix.schemas.review import Rate

_AROUND = 60


class Hit(Record):
    """A row in which a rule finds something."""

    file: str
    row: int
    detail: str
    """The value, where it stands, and what stands there, as `explain` prints it."""
    before: str
    """What stands before the words that it marks, cut."""
    words: str
    """The words; empty where they stand in no one place."""
    after: str


class Trial(Record):
    """What one rule finds in some valid rows of a source."""

    rule: str
    action: Action
    """What the recipe says becomes of such rows; `off` where it does not name the rule."""
    judged: int
    hits: int
    share: float
    """Of the rows that it judged, those in which it finds something."""
    precision: Rate | None
    """How often its hits were right where it was measured; unset for one that was not."""
    first: Hit | None
    """Unset if it finds nothing."""


class Placed(NamedTuple):
    """A valid row, and where it lies."""

    file: str
    row: int
    conversation: Conversation


def try_rules(rules: Sequence[Applied], rows: Sequence[Placed]) -> tuple[Trial, ...]:
    """Return what each rule finds in rows, whatever its action.

    Raises:
        RecipeError: if a rule of a user's file fails on a row.
    """
    turns = TurnTable.of(row.conversation for row in rows)
    return tuple(_try(rule, turns, rows) for rule in rules)


def _try(rule: Applied, turns: TurnTable, rows: Sequence[Placed]) -> Trial:
    try:
        found = rule.judge(turns) if rows else ()
    except RuleFailed as failed:
        row = rows[failed.row]
        raise failed.error(row.file, row.row) from failed
    record = records().get(rule.name)
    return Trial(
        rule=rule.name,
        action=rule.action,
        judged=len(rows),
        hits=len(found),
        share=len(found) / max(1, len(rows)),
        precision=record.precision if record else None,
        first=_hit(found[0], rows[found[0].row]) if found else None,
    )


def _hit(verdict: Verdict, row: Placed) -> Hit:
    evidence, text = verdict.evidence, ""
    if evidence.message is not None:
        turn = row.conversation.messages[evidence.message]
        text = (turn.reasoning if evidence.part == "reasoning" else turn.content) or ""
    start, end = evidence.start or 0, evidence.end or 0
    return Hit(
        file=row.file,
        row=row.row,
        detail=detail_of(verdict),
        before=text[max(0, start - _AROUND) : start],
        words=text[start:end],
        after=text[end : end + _AROUND],
    )
