"""What rules on answers share: the answer of each row beside what its source says that the answer is."""

from typing import NamedTuple

from thinkmix.curation.answers.check import Checked, check
from thinkmix.curation.answers.compare import compare
from thinkmix.curation.answers.find import Stated, final_answers, last_answer
from thinkmix.curation.answers.verify import decide
from thinkmix.curation.rules.contract import Evidence
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.schemas.plain import plain

_TRACE_END = 4_000
"""Bytes of the end of a trace in which its last answer stands: earlier ones are steps."""
_SHOWN = 60


class RowAnswer(NamedTuple):
    """The answer of one row."""

    turn: int
    """The last turn of the assistant."""
    checked: Checked

    def evidence(self, turns: TurnTable, words: str) -> Evidence:
        """Return where the answer stands as evidence, in other words."""
        stated = self.checked.stated
        if stated is None:
            return Evidence(words)
        first = int(turns.content.offsets[self.turn])
        found = Evidence.at(turns, self.turn, "content", stated.start - first, stated.end - first)
        return found._replace(text=words)


class _Last(NamedTuple):
    turns: TurnTable
    answers: list[RowAnswer]


_last: list[_Last] = []
"""The table that was checked last: several rules look at one."""


def row_answers(turns: TurnTable) -> list[RowAnswer]:
    """Return the answer of each row, and what it is beside the reference."""
    if not _last or _last[0].turns is not turns:
        _last[:] = [_Last(turns, _row_answers(turns))]
    return _last[0].answers


def _row_answers(turns: TurnTable) -> list[RowAnswer]:
    data, offsets = turns.content.data.tobytes(), turns.content.offsets.tolist()
    said = turns.said_by("assistant").tolist()
    bounds = turns.first.tolist()
    found = []
    for row in range(turns.rows):
        first, last = bounds[row], bounds[row + 1] - 1
        while last > first and not said[last]:
            last -= 1
        question = data[offsets[first] : offsets[last]]
        stated = final_answers(data, offsets[last], offsets[last + 1])
        found.append(RowAnswer(last, check(stated, turns.answer(row), question.lower, decide)))
    return found


def trace_answers(turns: TurnTable) -> list[tuple[int, RowAnswer, Stated]]:
    """Return rows whose answer is not the last one that the trace states, their answer, and that one."""
    data, offsets = turns.reasoning.data.tobytes(), turns.reasoning.offsets.tolist()
    found = []
    for row, answer in enumerate(row_answers(turns)):
        start, end = offsets[answer.turn], offsets[answer.turn + 1]
        stated = answer.checked.stated
        if stated is None or start == end:
            continue
        traced = last_answer(data, max(start, end - _TRACE_END), end)
        if traced is not None and compare(stated.text, traced.text).relation == "disagree":
            found.append((row, answer, traced))
    return found


def shown(answer: str) -> str:
    """Return an answer as evidence shows it."""
    return plain(answer, _SHOWN)
