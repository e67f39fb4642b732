"""A row read by a format, in short: who says what, what was found, and why it is refused."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.recognition import parse_format

Row = dict[str, Any]


class Read(NamedTuple):
    """What reading a row gave."""

    turns: list[tuple[str, str, str | None]]
    """Role, text and trace, before anything is trimmed."""
    found: Mapping[str, int]
    unread: list[str]
    quality: float | None
    solver: str | None


def read(row: Row, format: object) -> Read:
    """Return what a format makes of a row; a name alone states it with its defaults."""
    notes = Notes()
    draft = parse_format({"type": format} if isinstance(format, str) else format).read(row, notes)
    turns = [(turn["role"], turn["content"], turn.get("reasoning")) for turn in draft.messages]
    tally = notes.tally()
    return Read(turns, tally.findings, [field.path for field in tally.unread], draft.quality, draft.solver)


def refused(row: Row, format: object) -> tuple[str, str]:
    """Return the reason for which a format refuses a row, and its detail."""
    with pytest.raises(PydanticCustomError) as caught:
        read(row, format)
    return caught.value.type, caught.value.message()
