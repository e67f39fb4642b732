"""Whole chats written into one column of text."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Column, Draft, Format, Row
from thinkmix.schemas.formats.dialects import DIALECTS
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.formats.roles import CALL
from thinkmix.schemas.formats.sample import columns_of, most
from thinkmix.schemas.formats.texts import TextFormat
from thinkmix.schemas.formats.tools import read_calls


class Rendered(TextFormat):
    """A whole chat in one text, written for another model; its marks are taken off.

    Dialects: `human` is `### Human: …### Assistant: …`; `chatml` is `<|im_start|>user … <|im_end|>`; `llama2`
    is `<s>[INST] <<SYS>>…<</SYS>> … [/INST] … </s>`; `usr` is `<usr> …`, `<bot> …` and `<sys> …` at the
    beginning of lines. White space around a turn is the rendering's.
    """

    sets: ClassVar[tuple[str, ...]] = (
        "timdettmers/openassistant-guanaco",
        "OpenAssistant/oasst_top1_2023-08-25",
        "mlabonne/guanaco-llama2-1k",
        "heegyu/open-korean-instructions",
    )
    remarks: ClassVar[Mapping[str, str]] = {
        "timdettmers/openassistant-guanaco": "`dialect: human`",
        "OpenAssistant/oasst_top1_2023-08-25": "`dialect: chatml`",
        "mlabonne/guanaco-llama2-1k": "`dialect: llama2`",
        "heegyu/open-korean-instructions": "`dialect: usr`",
    }
    generality: ClassVar[int] = 2

    type: Literal["rendered"] = "rendered"
    """Name of the format."""
    dialect: Literal["human", "chatml", "llama2", "usr"]
    """How the chat is written."""
    text: Column = "text"
    """Column of the text."""

    @classmethod
    def candidates(cls, rows: Sequence[Row]) -> Sequence[Format]:
        """Return each column whose rows mostly have all marks of a dialect; `text` alone if it is one."""
        found = [
            cls.model_validate({"dialect": name, "text": column})
            for column in columns_of(rows)
            for name, dialect in DIALECTS.items()
            if most([_has_all(row.get(column), dialect.marks) for row in rows])
        ]
        usual = [one for one in found if one.text == "text"]
        return usual or found

    @property
    def said(self) -> tuple[str, ...]:
        """The column of the text."""
        return (self.text,)

    def turns(self, row: Row) -> int:
        """Return how many turns the row states, as far as its marks tell."""
        text = row.get(self.text)
        marks = DIALECTS[self.dialect].marks
        return sum(map(text.count, marks)) if isinstance(text, str) else 0

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns of the text."""
        chat = self._begin(row, notes, unopened=unopened)
        turns = DIALECTS[self.dialect].read(required_text(row, self.text, notes))
        while turns and not turns[-1][1]:  # an answer that was still to be written
            turns.pop()
        for place, (role, text) in enumerate(turns):
            if role == "system":
                chat.system(text)
            elif role == "user":
                chat.user(text)
            elif role == "tool":
                chat.tool(text)
            elif role == CALL:
                chat.calls(read_calls(text, self.text, notes), None)
            else:
                last = place == len(turns) - 1
                chat.assistant(text, traces=self._traces(row, notes) if last else ())
        return chat.draft(quality=self._quality(row, notes))


def _has_all(value: object, marks: Sequence[str]) -> bool:
    return isinstance(value, str) and all(mark in value for mark in marks)
