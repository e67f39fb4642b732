"""What reading a row finds without dropping it: counted findings, and fields that nobody reads."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

from thinkmix.schemas.mending import Kind, Mend, Patch
from thinkmix.schemas.plain import plain
from thinkmix.schemas.reasons import Worded
from thinkmix.schemas.record import Record, json_text

MOST_FIELDS = 200
"""Unread fields of a source that are listed: each row of JSON may have its own names."""

_SHOWN = 80
_NAME = 200


class Finding(Worded):
    """One word per finding, with the sentence that the report shows; `warns` makes the version amber."""

    def __init__(self, _word: str, _sentence: str = "", warns: bool = False) -> None:
        """Keep whether the finding warns beside word and sentence, which `Worded` keeps."""
        self.warns = warns

    PADDING_NULL = (
        "padding_null",
        "null keys that only the file's storage added, which were removed",
    )
    CRLF = "crlf", "texts with Windows line breaks, which became plain ones"
    TRAILING_TURN = "trailing_turn", "turns after the last answer, cut off: nothing answers them"
    JOINED_TURN = "joined_turn", "turns joined to the turn of the same speaker before them"
    ANSWER_TAG = "answer_tag", "answers taken out of the tags that enclosed them whole"
    ANSWER_FORM = (
        "answer_form",
        "sentences of system prompts on the tags of trace and answer, left out with these tags",
    )
    TEXT_TOOLS = "text_tools", "tool definitions read from the text of a system turn"
    TEXT_CALLS = "text_calls", "tool calls read from the text of an answer"
    CALL_FORM = (
        "call_form",
        "sentences of system prompts on how to write calls or traces, left out: the template says it",
    )
    REORDERED = "reordered", "tool responses put in the order of their calls"
    RESPONSE_SPLIT = "response_split", "responses to several calls at once, which became one a call"
    SCHEMA_TYPE = "schema_type", "parameters of a type that JSON Schema has no name for, kept as they are"
    ALTERNATIVE = "alternative", "further answers of the same row, which were not used"
    SCORE_UNUSABLE = "score_unusable", "scores that are not numbers: these rows have no score", True
    VALUE_UNUSABLE = "value_unusable", "optional values of another type than the format reads: ignored", True
    MARK_UNREADABLE = (
        "mark_unreadable",
        "marks of a turn that mean neither yes nor no: these turns are trained",
        True,
    )
    SWITCH_IGNORED = (
        "switch_ignored",
        "answers that do the opposite of the /think or /no_think before them",
        True,
    )
    CALL_UNANSWERED = (
        "call_unanswered",
        "tool calls without a response, although the conversation goes on",
        True,
    )
    RESPONSE_UNASKED = "response_unasked", "tool responses that belong to no call", True
    TOOL_UNDEFINED = "tool_undefined", "calls of a tool that the row does not define", True
    TOOL_REPEATED = (
        "tool_repeated",
        "tools that a row defines in two ways: the definitions of its column or its first ones were used",
        True,
    )


KINDS: Mapping[str, tuple[str, ...]] = {
    "reasoning": (
        "reason",
        "think",
        "thought",
        "cot",
        "chain",
        "trace",
        "scratchpad",
        "reflection",
        "rationale",
    ),
    "weight": ("weight", "loss", "mask", "train"),
    "tools": ("tool", "function", "api"),
    "system": ("system", "sys", "preprompt"),
    "history": ("history", "context", "previous"),
    "score": ("score", "rating", "reward", "quality"),
    "image": ("image", "video", "audio", "pixel"),
}
"""How a word in the name of a field begins, by what it looks like: the setting of a format that reads it."""

_HARMLESS = """
    id uid uuid guid idx index row_id row no number hash sha source src dataset dataset_name origin
    subset split category categories subcategory domain subdomain topic topics subject field task
    task_type type tag tags label_type language lang locale country url link license licence author
    annotator user_id worker_id created_at created timestamp date time updated_at version model
    model_name generator generation_model num_turns n_turns turn turn_count num_tokens tokens length
    title name difficulty level grade conversation_id conversation_hash prompt_id message_id session_id
    dialog_id redacted toxic data_source problem_source problem_type question_type language_code
    annotation_type
"""
HARMLESS = frozenset(_HARMLESS.split())
"""Columns that say what a row is and never what is trained; they are not listed."""


def looks_like(path: str) -> str | None:
    """Return what the name of an unread field looks like, a key of `KINDS`."""
    words = _words(path.rpartition("[].")[2])
    return next(
        (kind for kind, parts in KINDS.items() if any(word.startswith(parts) for word in words)), None
    )


def _words(name: str) -> list[str]:
    """Return the words of a name, however they are joined: `loss_mask`, `lossMask`, `loss-mask`."""
    parted = "".join(f" {char}" if char.isupper() else char if char.isalnum() else " " for char in name)
    joined = "".join(char if char.isalnum() else " " for char in name)
    return [word.casefold() for word in (*parted.split(), *joined.split())]


def states_something(value: object) -> bool:
    """Return whether a value is more than a word for nothing: null, NaN, blank text, what is empty."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return False
    if isinstance(value, Mapping):
        return any(map(states_something, value.values()))
    if isinstance(value, str):
        return value != "" and not value.isspace()
    if isinstance(value, bytes | Sequence):
        return len(value) > 0
    return True


class UnreadField(Record):
    """A field that rows have and nothing reads."""

    path: str
    """Where it stands: `column`, or `column[].key` of a turn."""
    count: int
    """Values that say something."""
    example: str
    """The first of them, cut."""


class Tally(Record):
    """Findings and unread fields of a shard, or of a source."""

    findings: Mapping[str, int] = {}
    unread: tuple[UnreadField, ...] = ()
    cut: bool = False
    """Whether there are more unread fields than are listed."""
    encodings: Mapping[str, int] = {}
    """Rows with bytes that are not UTF-8, which could not be read, by the encoding that they seem to have."""

    def __add__(self, other: "Tally") -> "Tally":
        """Add what the next shard found."""
        names = sorted({*self.findings, *other.findings})
        fields = {field.path: field for field in self.unread}
        for field in other.unread:
            known = fields.get(field.path)
            fields[field.path] = (
                known.model_copy(update={"count": known.count + field.count}) if known else field
            )
        return Tally(
            findings={name: self.findings.get(name, 0) + other.findings.get(name, 0) for name in names},
            unread=tuple(fields.values())[:MOST_FIELDS],
            cut=self.cut or other.cut or len(fields) > MOST_FIELDS,
            encodings={
                name: self.encodings.get(name, 0) + other.encodings.get(name, 0)
                for name in sorted({*self.encodings, *other.encodings})
            },
        )


class Notes:
    """Collects what is found in rows, in the order that they are read, and what was repaired in them."""

    __slots__ = ("_cut", "_mend", "_unread", "found", "patches", "read")

    def __init__(self, mend: Mend | None = None) -> None:
        """Begin without findings; `mend` makes the repairs that the recipe asks for."""
        self._mend = mend
        self.patches: list[Patch] = []
        """What was repaired, in the order of the turns."""
        self.read: set[str] = set()
        """Columns of this row that were read although most rows of the format have none of that name."""
        self.found: dict[Finding, int] = {}
        self._unread: dict[str, tuple[int, object]] = {}  # each row has notes: `tally` writes what is shown
        self._cut = False

    def mended(self, kind: Kind, text: str, turns: Sequence[Mapping[str, Any]]) -> str:
        """Return a text as the repairs leave it; `turns` stand before it."""
        if self._mend is None:
            return text
        text, patches = self._mend(kind, text, turns)
        self.patches += patches
        return text

    def count(self, finding: Finding, times: int = 1) -> None:
        """Count a finding."""
        if times:
            self.found[finding] = self.found.get(finding, 0) + times

    def leave(self, path: str, value: object) -> None:
        """Note that nobody read a field, unless it says nothing."""
        if states_something(value):
            self.leave_many(path, 1, value)

    def leave_many(self, path: str, times: int, example: object) -> None:
        """Note that a field was not read in `times` rows; `example` is the first value."""
        known = self._unread.get(path)
        if known is not None:
            self._unread[path] = (known[0] + times, known[1])
        elif len(self._unread) < MOST_FIELDS:
            self._unread[path] = (times, example)
        else:
            self._cut = True

    def add(self, other: "Notes", *, kept: bool) -> None:
        """Add what was found in a row; of a row that is dropped the unread fields alone."""
        if kept:
            for finding, times in other.found.items():
                self.count(finding, times)
        for path, (times, example) in other._unread.items():
            self.leave_many(path, times, example)
        self._cut = self._cut or other._cut

    def tally(self) -> Tally:
        """Return everything that was collected; names and examples are cut, and hold no odd characters."""
        return Tally(
            findings={finding.value: times for finding, times in sorted(self.found.items())},
            unread=tuple(
                UnreadField(path=plain(path)[:_NAME], count=times, example=_shown(example))
                for path, (times, example) in self._unread.items()
            ),
            cut=self._cut,
        )


def total(parts: Iterable[Tally]) -> Tally:
    """Add up what shards found, in their order."""
    return sum(parts, Tally())


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever a file holds
    """Return a value as JSON text, cut for display."""
    try:
        text = json_text(value[: 2 * _SHOWN] if isinstance(value, str) else value)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return plain(text, _SHOWN)
