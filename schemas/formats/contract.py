"""What a row format is: settings of a recipe, and how one raw row becomes the draft of a conversation."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from thinkmix.schemas.conversation import Role
from thinkmix.schemas.findings import Notes, looks_like
from thinkmix.schemas.record import Record
from thinkmix.schemas.yaml_line import yaml_line

Row = Mapping[str, Any]
"""A raw row: a mapping of column name to value."""

Column = Annotated[str, Field(min_length=1, max_length=256)]
"""Name of a column, or of a key of its turns."""


class Draft(NamedTuple):
    """The fields of a conversation as one row states them, not yet arranged or validated.

    A message is a mapping of role, content, and where they are stated reasoning, tool_calls, `context` (a
    turn that its author marks as not to be learned), `answers` (the id of the call that a tool answers) and
    `named` (the name of that tool).
    A call is a mapping of name, arguments, and `id` where it has one.
    """

    messages: list[dict[str, Any]]
    tools: list[Any]
    quality: float | None = None
    solver: str | None = None
    answer: str | None = None


class TextColumn(NamedTuple):
    """A column that holds the text of one turn of each row."""

    name: str
    role: Role
    more: str = ""
    """Column of a text that goes on on the next line; may be absent or empty."""
    optional: bool = False
    """Whether an absent column, null or empty text mean that the row does not have this turn."""


class TurnColumn(NamedTuple):
    """A column that holds a list of turns, each a struct with its speaker and its text."""

    name: str
    speaker: tuple[str, ...]
    """Names that the key of the speaker may have; a table that has several of them is read row by row."""
    text: tuple[str, ...]
    roles: Mapping[str, str]
    """Role of speakers that the recipe names, see `thinkmix.schemas.formats.roles`."""
    empty: tuple[str, ...] = ()
    """Keys that must be null, empty text or an empty list, if they are there."""
    marks: tuple[str, ...] = ()
    """Keys that must be null or say that the turn is learned, if they are there."""
    known: frozenset[str] = frozenset()
    """Further keys that say nothing of what is trained; all others are unread fields."""


class Layout(NamedTuple):
    """How rows that hold nothing but plain turns lie in a table.

    A row is such a row if all named columns match their description.
    """

    turns: tuple[TextColumn | TurnColumn, ...]
    """Where the turns are, in their order; assistants' texts may begin with a trace, see `split_think`."""
    empty: tuple[str, ...] = ()
    """Columns that must be null, empty text or an empty list, if they are there."""
    solver: str | None = None
    answer: str | None = None
    """Column of what the row says that the answer is."""
    score: str | None = None
    """Column of numbers: the row's quality; without it the row has none, unless `preferred` is set."""
    facts: tuple[str, ...] = ()
    """Columns that `pass_rate` and `problem_type` read."""
    preferred: tuple[str, str] | None = None
    """Column, and the text in it that makes the row's quality 1 instead of 0."""


class Format(Record):
    """A row format. Its settings are what a recipe may say about it, `read` is the conversion.

    To add one, write its class in a file of this folder, and add it to `RowFormat` in `known.py`.
    """

    sets: ClassVar[tuple[str, ...]] = ()
    """Public sets that it reads, by their ids on the Hugging Face Hub."""
    remarks: ClassVar[Mapping[str, str]] = {}
    """What is particular about the rows of some of the sets, or which settings read them, in markdown."""
    generality: ClassVar[int] = 0
    """How common its layout is: 0 if only a few sets have it, 1 for lists of turns, 2 for columns of text.

    Under `format: auto` the least common layout that fits wins: a set keeps columns of text beside its turns.
    """

    turn_keys: ClassVar[frozenset[str]] = frozenset()
    """Settings that name a key of a turn; the other names are those of columns."""

    rated: ClassVar[bool] = False
    """Whether its rows say how often a model solved them, see `pass_rate`."""

    answered: ClassVar[bool] = False
    """Whether its rows say what the answer is, see `Draft`."""

    type: str
    """Name of the format."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "Format | None":
        """Return the format with the settings that read these rows, if they have its layout; it never raises.

        Args:
            rows: the first raw rows of a file.
        """
        return None

    @classmethod
    def candidates(cls, rows: Sequence[Row]) -> Sequence["Format"]:
        """Return the format with all settings that might be meant; columns may fit in more ways than one."""
        found = cls.recognise(rows)
        return () if found is None else (found,)

    def setting_for(self, path: str) -> str | None:
        """Return what a recipe says to have an unread field read, if a setting reads such fields."""
        kind, (inside, _, key) = looks_like(path), path.rpartition("[].")
        if "[]." in inside:  # of a call or a part, which no setting reads
            return None
        if kind not in type(self).model_fields or (kind in self.turn_keys) != bool(inside):
            return None
        return f"format: {self.model_copy(update={kind: key}).statement()}"

    def statement(self) -> str:
        """Return the format as a recipe states it, with the settings that are not the default."""
        stated = self.model_dump(mode="json", exclude_defaults=True, exclude={"type"})
        return yaml_line({"type": self.type, **stated})

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the conversation that a row states.

        Args:
            row: the raw row.
            notes: takes what is found besides, and the columns beyond `columns` that were read.
            unopened: whether `</think>` without `<think>` closes a trace that the template opened.

        Raises:
            PydanticCustomError: a `fault` with the reason why it states none.
        """
        raise NotImplementedError

    def turns(self, row: Row) -> int:
        """Return how many turns the row states before anything is judged, for the ledger."""
        raise NotImplementedError

    def columns(self) -> frozenset[str]:
        """Return the columns that `read` reads, and those that its sets have and that are never trained.

        All others are unread fields, but for what `read` says in its notes.
        """
        raise NotImplementedError

    def layout(self) -> Layout | None:
        """Return where in a table the turns of ordinary rows stand, so that columns can be read as a whole.

        A row that it does not describe is read by `read`; without a layout, all rows are.
        """
        return None

    def pass_rate(self, row: Row) -> float | None:
        """Return how often a model solved the row's problem, from 0 to 1, if the row states it."""
        return None

    def problem_type(self, row: Row) -> str | None:
        """Return what kind of problem the row has, if it states one."""
        return None
