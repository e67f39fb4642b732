"""What `format: auto` makes of rows: each layout is told from all others; ties and strangers are said."""

import pytest

from schemas.conversation import Message
from schemas.findings import Notes
from schemas.formats.recognition import best, refusal
from tests.layouts import SAMPLES, Row, Sample


def recognised(*rows: Row) -> list[str]:
    return [format.statement() for format in best(rows)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.set)
def test_every_set_is_recognised_and_read(sample: Sample) -> None:
    """The layout of each set is one format with its settings, and that reads roles, texts and traces."""
    (found,) = best(sample.rows)
    draft = found.read(sample.rows[0], Notes())
    messages = [Message.model_validate(fields) for fields in draft.messages]
    while messages and messages[-1].role == "user":
        messages.pop()

    assert refusal(sample.rows) is None
    assert found.statement() == sample.statement
    assert [(turn.role, turn.content, turn.reasoning) for turn in messages] == sample.turns
    assert sample.set in type(found).sets
