"""Rules see the same of a row, whether it was judged by columns or by itself."""

from typing import ClassVar

import polars as pl
import pyarrow as pa

from tests.harness.judged import asked, conversation
from thinkmix.curation.rules.contract import Evidence, Judging, Rule, Verdict
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.curation.validate.columnar import validate_columns
from thinkmix.curation.validate.settings import RowSettings
from thinkmix.schemas.conversation import Message, ToolCall
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning

ANSWERS = ["42", None, "", "\\frac{π}{2}"]


class Stated(Rule):
    """Finds every row, and says what its source says that its answer is."""

    name: ClassVar[str] = "stated"
    sentence: ClassVar[str] = "it is a row"

    def judge(self, turns):
        """Return all rows."""
        answers = turns.answers
        return [
            Verdict(row, float(answers.missing[row]), Evidence(answers.data[start:end].tobytes().decode()))
            for row, (start, end) in enumerate(zip(answers.offsets[:-1], answers.offsets[1:], strict=True))
        ]


def test_a_rule_reads_the_expected_answers_of_rows_judged_by_columns():
    """Each at its row; missing where the source says nothing."""
    rows = pa.RecordBatch.from_pylist(
        [
            {"problem": f"What is it, {place}?", "generated_solution": "It.", "expected_answer": answer}
            for place, answer in enumerate(ANSWERS)
        ]
    )
    source = RowSettings(name="math", format=OpenMathReasoning())
    found = validate_columns(
        rows, source=source, max_row_bytes=1000, notes=Notes(), judging=Judging((Stated(action="flag"),))
    ).cleared
    seen = found.select(
        text=pl.col("checks").list.first().struct.field("evidence").struct.field("text"),
        missing=pl.col("checks").list.first().struct.field("value"),
    )
    by_itself = Stated().judge(TurnTable.of([asked("?", "It.", answer=answer) for answer in ANSWERS]))
    assert seen.rows() == [(one.evidence.text, one.value) for one in by_itself]
    assert seen["text"].to_list() == [answer or "" for answer in ANSWERS]


def test_calls_stand_at_their_turn_and_tools_at_their_row():
    """Rows without tools have none."""
    call = ToolCall(name="look", arguments={"at": "it"})
    row = conversation(
        [
            Message(role="user", content="Look."),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="seen"),
            Message(role="assistant", content="Done."),
        ],
        tools=({"name": "look"},),
    )
    turns = TurnTable.of([asked("Hello?", "Hello."), row])
    assert turns.calls == {3: (call,)}
    assert turns.tools == {1: row.tools}
