"""The proof of an export: its file, read by a row format of ours, says what the version says, row by row."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from thinkmix.curation.export.version import Example
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawRow, read_rows, slices
from thinkmix.schemas.arrange import arrange_messages
from thinkmix.schemas.conversation import Message, check_turns
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.record import json_text

_SHOWN = 200


class Turn(NamedTuple):
    """What one turn says, in the version or in the file."""

    role: str
    content: str
    reasoning: str | None
    calls: tuple[tuple[str, str], ...]
    """Name and JSON text of the arguments of each call."""
    context: bool
    """Whether the turn is marked as not to be learned."""


class Row(NamedTuple):
    """What one row says."""

    turns: tuple[Turn, ...]
    tools: str | None
    """JSON text of the tool list."""


def compare(examples: Iterable[Example], file: Path, *, row_format: Format, marked: bool) -> None:
    """Read a file back and compare each of its rows with its example.

    Args:
        examples: what was written, in order.
        file: what it was written into.
        row_format: what reads it.
        marked: whether each answer says whether it is learned.

    Raises:
        LedgerError: naming the first row that says something else, or that is missing or too many.
    """
    number = 0
    for number, (example, row) in enumerate(zip_longest(examples, _rows(file))):
        if example is None or row is None:
            more, less = ("the version", file.name) if row is None else (file.name, "the version")
            msg = f"{file.name}: {less} ends after {number} rows, {more} does not: a defect of ours"
            raise LedgerError(msg)
        where = f"{file.name} row {number}, example {example.id}"
        if problem := _difference(stated(example, marked=marked), _said(row, row_format, where)):
            msg = f"{where} reads back differently: {problem}: a defect of ours"
            raise LedgerError(msg)


def stated(example: Example, *, marked: bool) -> Row:
    """Return what an example says; the earlier answers are context if the file marks turns."""
    last = len(example.messages) - 1
    turns = (
        Turn(
            turn["role"],
            turn["content"],
            turn["reasoning_content"],
            tuple(
                (call["function"]["name"], call["function"]["arguments"]) for call in turn["tool_calls"] or ()
            ),
            marked and turn["role"] == "assistant" and place < last,
        )
        for place, turn in enumerate(example.messages)
    )
    return Row(tuple(turns), example.tools)


def _rows(file: Path) -> Iterator[RawRow]:
    for piece in slices(file.name, Blob(file, "")):
        yield from read_rows(piece, max_row_bytes=file.stat().st_size)


def _said(row: RawRow, row_format: Format, where: str) -> Row:
    """Return what a raw row says.

    Raises:
        LedgerError: if it is not a conversation.
    """
    notes = Notes()
    try:
        if row.fault is not None:
            raise row.fault
        draft = row_format.read(row.values, notes)
        messages = list(map(Message.model_validate, arrange_messages(draft, "keep", notes)))
        check_turns(messages)
    except (PydanticCustomError, ValidationError) as error:
        detail = error.message() if isinstance(error, PydanticCustomError) else error.errors()[0]["msg"]
        msg = f"{where} cannot be read back ({detail}): a defect of ours"
        raise LedgerError(msg) from None
    return Row(tuple(map(_turn, messages)), json_text(draft.tools) if draft.tools else None)


def _turn(message: Message) -> Turn:
    return Turn(
        message.role,
        message.content,
        message.reasoning,
        tuple((call.name, json_text(call.arguments)) for call in message.tool_calls),
        message.context,
    )


def _difference(want: Row, got: Row) -> str | None:
    """Return in words in what a row differs from what it should say."""
    if want == got:
        return None
    if len(want.turns) != len(got.turns):
        return f"{len(got.turns)} turns, not {len(want.turns)}"
    for place, (one, other) in enumerate(zip(want.turns, got.turns, strict=True)):
        for name, wanted, found in zip(Turn._fields, one, other, strict=True):
            if wanted != found:
                return f"{name} of turn {place} is {found!r:.{_SHOWN}}, not {wanted!r:.{_SHOWN}}"
    return f"tools are {got.tools!r:.{_SHOWN}}, not {want.tools!r:.{_SHOWN}}"
