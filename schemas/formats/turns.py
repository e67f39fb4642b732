"""Lists of turns: what the formats have in common that hold a chat as a list of objects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from math import isnan
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from thinkmix.schemas.findings import Finding, Notes, looks_like
from thinkmix.schemas.formats.chat import Chat
from thinkmix.schemas.formats.contract import Column, Draft, Format, Layout, Row, TextColumn, TurnColumn
from thinkmix.schemas.formats.fields import (
    as_list,
    as_object,
    as_text,
    first_stated,
    list_length,
    optional_number,
    optional_text,
    parse_value,
    required_list,
    type_name,
)
from thinkmix.schemas.formats.roles import CALL, Roles, nearest_role, role_of
from thinkmix.schemas.formats.sample import columns_of, most, objects
from thinkmix.schemas.formats.tools import (
    ANSWER_KEYS,
    TOOL_COLUMNS,
    is_call,
    read_call,
    read_calls,
    read_tools,
    says_none,
    stated_id,
    unite_calls,
)
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault
from thinkmix.schemas.think import split_think

SPEAKERS = ("role", "from", "speaker", "author")
"""Keys of a turn that name its speaker."""

TEXTS = ("content", "value", "text")
"""Keys of a turn that hold its text."""

TRACES = ("reasoning_content", "reasoning", "thinking", "thought", "think", "thoughts", "thinking_content")
"""Keys of a turn, and columns of a row, that hold a trace beside the text."""

SYSTEMS = ("system", "system_prompt")
"""Columns that hold a system prompt."""

MARKS = ("weight", "loss", "train", "loss_mask", "trainable", "loss_weight", "training", "train_on_turn")
"""Keys of a turn that say whether it is learned (axolotl, mistral-finetune, OpenAI, ms-swift, ChatGLM)."""

LISTS = ("messages", "conversations", "conversation", "turns", "dialog", "dialogue", "chat")
"""Columns that hold a list of turns, the most usual first."""

_CALLS = ("tool_calls", "function_call")
_ANSWER = "answer"
_TURN_MARKS = "metadata.train_turns"
_TEXT_PARTS = ("text", "input_text", "output_text")
_FLAGS = frozenset(("on", "off", "true", "false", "yes", "no", "none", "null", "n/a"))
_SHOWN = 200
_MARK_WORDS = {"true": 1, "yes": 1, "false": 0, "no": 0}
_PLAIN_KEYS = frozenset(
    (
        "id",
        "name",
        *ANSWER_KEYS,
        "index",
        "idx",
        "turn",
        "timestamp",
        "lang",
        "language",
        "model",
        "type",
    )
)


def is_trace(value: object) -> bool:
    """Return whether a value under the name of a trace is one, and not blank or a word for yes or no."""
    return isinstance(value, str) and bool(value.strip()) and value.strip().casefold() not in _FLAGS


def traces_of(row: Row, columns: Iterable[str], notes: Notes) -> list[str]:
    """Return the texts of such columns that are a trace, and note these columns as read."""
    found = [column for column in columns if is_trace(row.get(column))]
    notes.read.update(found)
    return [as_text(row[column], column, notes) for column in found]


class Content(NamedTuple):
    """What a turn's content holds, whether plain or in typed parts."""

    text: str
    trace: str | None = None
    calls: Sequence[dict[str, Any]] = ()


class TurnFormat(Format):
    """What a recipe may say of rows that hold a list of turns."""

    column: ClassVar[str]
    """Name of the setting that names the column of the turns."""

    turn_keys: ClassVar[frozenset[str]] = frozenset(("speaker", "text", "reasoning", "weight"))

    speaker: Column | None = None
    """Key of a turn that names its speaker; unset means `role`, `from`, `speaker` or `author`."""
    text: Column | None = None
    """Key of a turn that holds its text; unset means `content`, `value` or `text`."""
    reasoning: Column | None = None
    """Key of a turn that holds its trace beside the text; unset means the usual names (`reasoning_content`,
    `reasoning`, `thinking`, `thought`, …)."""
    weight: Column | None = None
    """Key of a turn that says whether it is learned; unset means the usual names (`weight`, `loss`, `train`,
    `loss_mask`, `trainable`, …)."""
    fractional_weight: Literal["refuse", "train"] = "refuse"
    """What to do with a row whose turn has a weight between 0 and 1: drop it, or train the turn in full."""
    roles: Roles = Field(default={})
    """Role of speakers that are not known, or that mean something else here: `{narrator: system}`. Roles are
    system, user, assistant, tool and function_call."""
    tools: Column | None = None
    """Column of the tool list, JSON text or a list; may be absent; unset means `tools` or `functions`."""
    system: Column | None = None
    """Column of a system prompt outside the turns; may be absent; unset means `system` or `system_prompt`."""
    score: Column = "score"
    """Column of a numeric quality score; may be absent."""
    answer_tag: Column | None = None
    """Tag that encloses each answer after its trace: `answer` for `<answer>…</answer>`."""
    turn_marks: Column | None = None
    """Column of a list that says of each turn whether it is learned; `metadata.train_turns` is the key
    `train_turns` of the objects in the column `metadata`."""

    @property
    def listed(self) -> str:
        """The column of the turns."""
        return str(getattr(self, self.column))

    def turns(self, row: Row) -> int:
        """Return how many turns the row states."""
        stated = list_length(row.get(self.listed))
        for name in self._systems:
            if row.get(name):
                stated += 1
        return stated

    def columns(self) -> frozenset[str]:
        """Return the columns that are read in every row."""
        read = (self.listed, *self._tool_columns, *self._systems, self.score)
        return frozenset(read if self.turn_marks is None else (*read, self.turn_marks.partition(".")[0]))

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the turns under Qwen3's role names; function calls are joined to one assistant turn."""
        chat = self._chat(notes, unopened=unopened)
        self._add_turns(chat, row)
        if not row.keys().isdisjoint(self._traces):
            self._add_trace_column(chat, row)
        return self._draft(chat, row)

    def _add_turns(self, chat: Chat, row: Row) -> None:
        """Add the system prompt and the list of turns."""
        for column in self._systems:
            if column in row and (text := optional_text(row, column, chat.notes)):
                chat.system(text)
        turns = required_list(row, self.listed)
        marks = self._turn_marks(row, len(turns), chat.notes) if self.turn_marks else ()
        first = turns[0] if turns and isinstance(turns[0], dict) else {}
        keys = first_stated(first, self._speakers), first_stated(first, self._texts)
        for index, turn in enumerate(turns):
            if index not in marks and isinstance(turn, dict) and self._add_plain(chat, turn, *keys):
                continue
            said = as_object(turn, f"{self.listed}[{index}]")
            self._add(chat, said, index, context=index in marks)

    def _add_plain(self, chat: Chat, turn: Row, speaker: str | None, text: str | None) -> bool:
        """Add a turn that has two keys, its speaker and its text, as most have; return whether it is one."""
        name, said = turn.get(speaker or ""), turn.get(text or "")
        if len(turn) > 2 or not isinstance(name, str) or not isinstance(said, str) or "\r\n" in said:
            return False
        add = {"user": chat.user, "assistant": chat.assistant, "system": chat.system}.get(
            role_of(name, self.roles) or ""
        )
        if add is not None:
            add(said)
        return add is not None

    def _draft(self, chat: Chat, row: Row) -> Draft:
        stated = [tools for name in self._tool_columns if (tools := read_tools(row.get(name)))]
        tools = stated[0] if stated else []
        chat.tools += chain.from_iterable(stated[1:])
        return chat.draft(tools, quality=optional_number(row, self.score, chat.notes))

    def _turn_marks(self, row: Row, turns: int, notes: Notes) -> frozenset[int]:
        """Return the turns that a list of the row says are not to be learned."""
        name = self.turn_marks or ""
        marks = row.get(name)
        column, dotted, key = name.partition(".")
        if marks is None and dotted:
            inside = row.get(column)
            marks = inside.get(key) if isinstance(inside, Mapping) else None
        if marks is None:
            return frozenset()
        if not isinstance(marks, list | tuple) or len(marks) != turns:
            notes.count(Finding.MARK_UNREADABLE)
            return frozenset()
        weights = [_weight(mark) for mark in marks]
        notes.count(Finding.MARK_UNREADABLE, sum(weight not in (0, 1) for weight in weights))
        return frozenset(index for index, weight in enumerate(weights) if weight == 0)

    def _chat(self, notes: Notes, *, unopened: bool) -> Chat:
        """Return the empty chat that the turns are added to."""
        return Chat(notes, answer_tag=self.answer_tag, unopened=unopened)

    def setting_for(self, path: str) -> str | None:
        """Return what has an unread field read; `reasoning` reads columns, too, see `_add_trace_column`."""
        if "[]." in path or looks_like(path) != "reasoning":
            return super().setting_for(path)
        named = self.model_copy(update={"reasoning": path})
        return None if named == self else f"format: {named.statement()}"

    def layout(self) -> Layout | None:
        """Return where the turns stand in a table."""
        if self.answer_tag or self.turn_marks:
            return None
        said = TurnColumn(
            self.listed,
            speaker=self._speakers,
            text=self._texts,
            roles=self.roles,
            empty=(*self._traces, *_CALLS, *TOOL_COLUMNS),
            marks=self._marks,
            known=_PLAIN_KEYS,
        )
        systems = (TextColumn(name, "system", optional=True) for name in self._systems)
        return Layout(
            turns=(*systems, said),
            empty=(*self._tool_columns, *(name for name in self._traces if name != self.listed)),
            score=self.score,
        )

    def _add_trace_column(self, chat: Chat, row: Row) -> None:
        """Read a trace that stands in a column of its own, if there is one answer that it can belong to."""
        answers = [turn for turn in chat.messages if turn["role"] == "assistant"]
        if len(answers) != 1 or answers[0].get("reasoning"):
            return
        for column in self._traces:
            if is_trace(row.get(column)):
                answers[0]["reasoning"] = as_text(row[column], column, chat.notes)
                chat.notes.read.add(column)
                return

    @property
    def _speakers(self) -> tuple[str, ...]:
        return (self.speaker,) if self.speaker else SPEAKERS

    @property
    def _texts(self) -> tuple[str, ...]:
        return (self.text,) if self.text else TEXTS

    @property
    def _traces(self) -> tuple[str, ...]:
        return (self.reasoning,) if self.reasoning else TRACES

    @property
    def _marks(self) -> tuple[str, ...]:
        return (self.weight,) if self.weight else MARKS

    @property
    def _systems(self) -> tuple[str, ...]:
        return (self.system,) if self.system else SYSTEMS

    @property
    def _tool_columns(self) -> tuple[str, ...]:
        return (self.tools,) if self.tools else TOOL_COLUMNS

    def _add(self, chat: Chat, turn: Row, index: int, *, context: bool = False) -> None:
        """Add one turn to the chat; `context` if its row says that it is not to be learned."""
        notes = chat.notes
        speaker = first_stated(turn, self._speakers)
        name = turn[speaker] if speaker else None
        if not isinstance(name, str):
            name = as_text(name, f"{self.listed}[{index}].{self._speakers[0]}", notes)
        role = role_of(name, self.roles)
        if role is None:
            detail = f"turn {index} is spoken by {name[:40]!r}{nearest_role(name)}: see `roles`"
            raise fault(Reason.ROLE_UNKNOWN, detail)
        key = first_stated(turn, self._texts)
        if key is None and not any(turn.get(calls) for calls in _CALLS):
            self._refuse_unsaid(turn, role, index)
        content = self._content(turn[key] if key else None, index, notes)
        self._leave_rest(turn, (speaker, key), notes)
        for column in TOOL_COLUMNS:
            chat.tools += read_tools(turn.get(column))
        if role in ("assistant", CALL):
            context = self._is_context(turn, index, notes) or context
            self._add_answer(chat, turn, content, context=context, stated=role == CALL)
            return
        self._refuse_acts(turn, content, role)
        if role == "system":
            chat.system(content.text)
        elif role == "user":
            chat.user(content.text)
        else:
            named = turn.get("name")
            chat.tool(
                content.text,
                answers=stated_id(turn, ANSWER_KEYS) or chat.call_of(turn.get("id")),
                named=named if isinstance(named, str) else None,
            )

    def _refuse_unsaid(self, turn: Row, role: str, index: int) -> None:
        """Refuse a turn that has no key with a text; a system turn whose text is null says nothing.

        Parquet keeps no key whose value is null: a turn with no key that may hold a text has a null one.
        """
        null = any(name in turn for name in self._texts) or all(map(self._holds_no_text, turn))
        if null and role == "user":
            detail = f"the text of turn {index}, the user's, is null: its owner may withhold it"
            raise fault(Reason.PROMPT_WITHHELD, detail)
        if null and role != "system":
            raise fault(Reason.WRONG_TYPE, f"the text of turn {index}, the {role}'s, is null")
        if not null:
            keys = ", ".join(map(repr, turn))[:_SHOWN]
            detail = f"turn {index} has no {self._texts[0]}: its keys are {keys}; see `text`"
            raise fault(Reason.WRONG_TYPE, detail)

    def _add_answer(self, chat: Chat, turn: Row, content: Content, *, context: bool, stated: bool) -> None:
        """Add a turn of the assistant; `stated` if its text is the JSON of its calls."""
        notes, where = chat.notes, f"{self.listed}[].tool_calls[]"
        stated_traces = [content.trace, *self._stated_traces(turn, notes)]
        if stated:
            trace, text = split_think(content.text, called=True)
            stated_calls = read_calls(text, where, notes)
            if not stated_calls:
                raise fault(Reason.TOOL_CALL_INVALID, "a turn of calls calls nothing")
            chat.calls(stated_calls, next(filter(None, [trace, *stated_traces]), None), context=context)
            return
        calls: Sequence[dict[str, Any]] = content.calls
        if not says_none(listed := turn.get("tool_calls")):
            listed = parse_value(listed, Reason.WRONG_TYPE)
            items = [listed] if is_call(listed) else None if isinstance(listed, str) else as_list(listed)
            if items is None:
                raise fault(Reason.WRONG_TYPE, f"{where} is {type_name(listed)}, not a list")
            calls = unite_calls(calls, [read_call(item, where, notes) for item in items])
        if not says_none(stated_call := turn.get("function_call")):  # the older form, one call a turn
            calls = unite_calls(calls, [read_call(stated_call, where, notes)])
        chat.assistant(content.text, traces=stated_traces, calls=calls, context=context)

    def _refuse_acts(self, turn: Row, content: Content, role: str) -> None:
        """Refuse a turn that reasons or calls tools although it is not the assistant's."""
        calls = content.calls or not all(says_none(turn.get(key)) for key in _CALLS)
        if calls or content.trace or any(is_trace(turn.get(key)) for key in self._traces):
            raise fault(Reason.ROLE_ORDER, f"a {role} turn cannot reason or call tools")

    def _stated_traces(self, turn: Row, notes: Notes) -> list[str]:
        """Return the texts beside the answer that are its trace; other values are unread fields."""
        found = []
        for key in self._traces:
            value = turn.get(key)
            if is_trace(value):
                found.append(as_text(value, key, notes))
            else:
                notes.leave(f"{self.listed}[].{key}", value)
        return found

    def _is_context(self, turn: Row, index: int, notes: Notes) -> bool:
        """Return whether the author marks a turn as not to be learned.

        Raises:
            PydanticCustomError: `weight_fractional` for a weight between 0 and 1, if the recipe refuses it.
        """
        context = False
        for key in self._marks:
            value = turn.get(key)
            if value is None or (isinstance(value, float) and isnan(value)):
                continue
            weight = _weight(value)
            if weight is not None and 0 < weight < 1:
                if self.fractional_weight == "refuse":
                    detail = f"{key} of turn {index} is {weight:g}, neither 0 nor 1; see `fractional_weight`"
                    raise fault(Reason.WEIGHT_FRACTIONAL, detail)
            elif weight not in (0, 1):
                notes.count(Finding.MARK_UNREADABLE)
            context = context or weight == 0
        return context

    def _content(self, value: object, index: int, notes: Notes) -> Content:
        """Return what a turn's content holds, whether plain text or typed parts."""
        if value is None:
            return Content("")
        if isinstance(value, str):
            return Content(as_text(value, "content", notes))
        if not isinstance(value, list | tuple):
            raise fault(Reason.WRONG_TYPE, f"content of turn {index} is {type_name(value)}, not text")
        text: list[str] = []
        traces: list[str] = []
        calls: list[dict[str, Any]] = []
        where = f"{self.listed}[].content[]"
        for part in value:
            kind = as_text(
                as_object(part, f"a part of turn {index}").get("type"),
                f"type of a part of turn {index}",
                notes,
            )
            if kind in _TEXT_PARTS:
                key = first_stated(part, ("text", "value"))
                text.append(as_text(part[key] if key else None, "text", notes))
                if calls and text[-1].strip():
                    raise fault(Reason.TOOL_CALL_INVALID, f"turn {index} goes on after its tool call")
            elif kind in TRACES:
                key = first_stated(part, (kind, "value", "text"))
                traces.append(as_text(part[key] if key else None, kind, notes))
                if calls or "".join(text).strip():
                    raise fault(Reason.THINK_NOT_FIRST, f"turn {index} says something before it reasons")
            elif kind == "tool_call":
                key = first_stated(part, ("value", "tool_call"))
                calls.append(read_call(part[key] if key else None, where, notes))
            else:
                raise fault(Reason.WRONG_TYPE, f"turn {index} has a part of type {kind[:40]!r}")
            for name, said in part.items():
                if name != key and name not in _PLAIN_KEYS:
                    notes.leave(f"{where}.{name}", said)
        return Content("".join(text), "\n".join(traces) or None, calls)

    def _leave_rest(self, turn: Row, read: tuple[str | None, ...], notes: Notes) -> None:
        """Note the keys of a turn that nobody reads."""
        for key, value in turn.items():
            if key not in read and not self._holds_no_text(key):
                notes.leave(f"{self.listed}[].{key}", value)

    def _holds_no_text(self, key: str) -> bool:
        """Return whether a key of a turn is known to hold something else than its text."""
        return (
            key in _PLAIN_KEYS
            or key in _CALLS
            or key in TOOL_COLUMNS
            or key in self._traces
            or key in self._marks
            or key in self._speakers
        )

    @classmethod
    def _recognised(cls, rows: Sequence[Row], speaks: Callable[[Row], bool]) -> Sequence[Self]:
        """Return the format for each column whose turns are such; for the one of a usual name, if there is.

        Args:
            rows: the sample.
            speaks: whether a turn is one of this format, by its keys.
        """
        listed = [
            column
            for column in columns_of(rows)
            if most([_is_chat(objects(row.get(column)), speaks) for row in rows])
        ]
        usual = [name for name in (cls.column, *LISTS) if name in listed][:1]
        return [cls._settled(rows, column) for column in usual or listed]

    @classmethod
    def _settled(cls, rows: Sequence[Row], column: str) -> Self:
        """Return the format for a column, with the settings that its rows show."""
        stated: dict[str, str] = {cls.column: column}
        chats = [objects(row.get(column)) for row in rows]
        answers = [text for chat in chats for turn in chat if (text := _answer_text(turn)) is not None]
        if most([_is_tagged(text) for text in answers]):
            stated["answer_tag"] = _ANSWER
        if any(_has_turn_marks(row, len(chat)) for row, chat in zip(rows, chats, strict=True)):
            stated["turn_marks"] = _TURN_MARKS
        return cls.model_validate(stated)

    @model_validator(mode="after")
    def _keys_differ(self) -> "TurnFormat":
        if self.speaker and self.speaker == self.text:
            msg = f"speaker and text are both {self.speaker!r}: these are two keys of a turn"
            raise ValueError(msg)
        return self


def _weight(mark: object) -> float | None:
    """Return what a mark says as a number: 0 for no, 1 for yes, also as text; None if it says neither."""
    if isinstance(mark, str):
        word = mark.strip().casefold()
        try:
            return _MARK_WORDS[word] if word in _MARK_WORDS else float(word)
        except ValueError:
            return None
    if isinstance(mark, Decimal):
        return float(mark)
    return mark if isinstance(mark, int | float) else None


def _is_chat(turns: Sequence[Row], speaks: Callable[[Row], bool]) -> bool:
    """Return whether somebody asks and the assistant answers, all of them known by name."""
    if not turns or not all(map(speaks, turns)):
        return False
    roles = [_role(turn) for turn in turns]
    answers = "assistant" in roles or CALL in roles
    return answers and "user" in roles and 2 * roles.count(None) <= len(roles)


def _role(turn: Row) -> str | None:
    key = first_stated(turn, SPEAKERS)
    name = turn[key] if key else None
    return role_of(name, {}) if isinstance(name, str) else None


def _answer_text(turn: Row) -> str | None:
    """Return the text of an answer, None for other turns."""
    key = first_stated(turn, TEXTS)
    text = turn[key] if key else None
    return text if isinstance(text, str) and _role(turn) == "assistant" else None


def _is_tagged(text: str) -> bool:
    """Return whether an answer, after its trace, is enclosed whole in `<answer>` and `</answer>`."""
    after = text.rpartition("</think>")[2].strip()
    return after.startswith(f"<{_ANSWER}>") and after.endswith(f"</{_ANSWER}>")


def _has_turn_marks(row: Row, turns: int) -> bool:
    column, _, key = _TURN_MARKS.partition(".")
    inside = row.get(column)
    marks = inside.get(key) if isinstance(inside, Mapping) else None
    return (
        isinstance(marks, list | tuple) and len(marks) == turns and all(type(mark) is bool for mark in marks)
    )
