"""Raw rows as conversations, by the format of their source: validation judges them, rendering reads again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from thinkmix.curation.read.read import Numbers, RawRow, RawSlice, read_rows
from thinkmix.curation.repairs.known import mend_of
from thinkmix.curation.validate.settings import TextSettings
from thinkmix.schemas.arrange import arrange_messages
from thinkmix.schemas.conversation import Conversation, Lineage, Message, content_key, row_id
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.fields import refuse_media
from thinkmix.schemas.mending import Patch


@dataclass(frozen=True)
class Reading:
    """Where a row comes from and how it is read, as far as the row itself does not say."""

    source: TextSettings
    file: str
    unopened: bool = False
    """Whether `</think>` without `<think>` closes a trace that the template opened."""

    def notes(self) -> Notes:
        """Return what takes the findings of a row of it, and makes the repairs that it asks for."""
        return Notes(mend_of(self.source.repair))


class Reopened(NamedTuple):
    """A valid row, read again: what can be rendered of it."""

    row: int
    id: str
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...]
    pass_rate: float | None = None
    """How often its problem was solved, where the format has such a column."""
    patches: tuple[Patch, ...] = ()
    """What was repaired in it."""


def read_conversation(row: RawRow, reading: Reading, notes: Notes) -> Conversation:
    """Return what a row says, arranged and checked, without its id, which depends on what it comes to hold.

    Raises:
        PydanticCustomError: with the reason why the row holds no conversation.
        ValidationError: the same, for a field of it.
        RecursionError: if it is nested deeper than a parser can follow.
    """
    source = reading.source
    refuse_media(row.values, notes)
    draft = source.format.read(row.values, notes, unopened=reading.unopened)
    fields = {
        "source": source.name,
        "messages": arrange_messages(draft, source.turns, notes),
        "tools": draft.tools,
        "lineage": Lineage(file=reading.file, row=row.number),
        "quality": draft.quality,
        "solver": draft.solver,
        "answer": draft.answer,
    }
    return Conversation.model_validate({"id": "", **fields})


def reopen(piece: RawSlice, rows: Numbers, *, reading: Reading, max_row_bytes: int) -> Iterator[Reopened]:
    """Yield rows of a slice that were found valid before, in file order.

    They are read, not judged again: their file holds the very bytes that were judged.

    Args:
        piece: the slice.
        rows: their numbers in the file, in ascending order, each once.
        reading: where the slice comes from, and how it is read.
        max_row_bytes: most bytes of text that a row may hold.

    Raises:
        SourceError: if the file cannot be read, or one of the rows is not there, or not valid any more.
    """
    for row in read_rows(piece, max_row_bytes=max_row_bytes, rows=rows):
        yield _trusted(row, reading) or _reopened(row, reading)


def _trusted(row: RawRow, reading: Reading) -> Reopened | None:
    """Return what a valid row says, without checking it; None if it takes more than reading to know."""
    source, notes = reading.source, reading.notes()
    try:
        draft = source.format.read(row.values, notes, unopened=reading.unopened)
        if row.fault or draft.tools or any("tool_calls" in fields for fields in draft.messages):
            return None
        messages = tuple(map(Message.trusted, arrange_messages(draft, source.turns, notes)))
    except PydanticCustomError:
        return None
    own_id = row_id(source.name, content_key(messages, ()))
    rate = source.format.pass_rate(row.values)
    return Reopened(row.number, own_id, messages, (), rate, tuple(notes.patches))


def _reopened(row: RawRow, reading: Reading) -> Reopened:
    source, notes = reading.source, reading.notes()
    try:
        if row.fault is not None:
            raise row.fault
        found = read_conversation(row, reading, notes)
    except (PydanticCustomError, ValidationError, RecursionError) as error:
        detail = error.message() if isinstance(error, PydanticCustomError) else str(error)
        msg = f"{reading.file}: row {row.number} was valid before and no longer is ({detail})"
        raise SourceError(msg) from None
    own_id = row_id(source.name, content_key(found.messages, found.tools))
    rate = source.format.pass_rate(row.values)
    return Reopened(row.number, own_id, found.messages, found.tools, rate, tuple(notes.patches))
