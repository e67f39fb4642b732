"""One record for all stages: a conversation of typed messages that knows where it came from."""

import re  # one character class, which cannot backtrack
import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import isfinite
from typing import Annotated, Any, Literal, Self, get_args

import orjson
from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from thinkmix.schemas.normal_form import compose_nfc
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import MAX_DEPTH, JsonObject, Record, depth, fault
from thinkmix.schemas.visible import is_visible

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)

CONTROL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
"""Qwen3's added tokens, ids 151643 to 151668: inside content each would become a command to the model."""

_UNWANTED = re.compile(
    "([\x00-\x08\x0b\x0c\x0e-\x1f\x7f])|([\ufdd0-\ufdef\ufffe\uffff])|([\u202a-\u202e\u2066-\u2069])|([\ud800-\udfff])"
)
_UNWANTED_REASONS = (Reason.CONTROL_CHAR, Reason.NONCHARACTER, Reason.BIDI_CONTROL, Reason.LONE_SURROGATE)
# the same set for `_is_suspect`, which is twelve times as fast as the pattern
_CONTROL_BYTES = bytes(code for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n\r")
_WIDE_MARKS = tuple(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF))
)
_TOKEN_PARTS = ("<|", "<tool_", "</tool_", "think>")


def clean_text(text: str, info: ValidationInfo | None = None) -> str:
    """Return `text` if a model may read it as plain text; raise the reason if not."""
    if _is_suspect(text) and (found := _UNWANTED.search(text)):
        reason = _UNWANTED_REASONS[(found.lastindex or 1) - 1]
        where = f" of {info.field_name}" if info and info.field_name else ""
        raise fault(reason, f"U+{ord(found.group()):04X} at character {found.start()}{where}")
    if "<" in text and any(part in text for part in _TOKEN_PARTS):
        for token in CONTROL_TOKENS:
            if token in text:
                raise fault(Reason.CONTROL_TOKEN, f"{token} at character {text.index(token)}")
    return text


def is_clean(text: str) -> bool:
    """Return whether a model may read a text as plain text, see `clean_text`."""
    try:
        clean_text(text)
    except PydanticCustomError:
        return False
    return True


def _is_suspect(text: str) -> bool:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return True
    if len(encoded.translate(None, _CONTROL_BYTES)) != len(encoded):
        return True
    return len(encoded) != len(text) and any(mark in text for mark in _WIDE_MARKS)


Text = Annotated[str, AfterValidator(clean_text)]
"""Text that holds no control token, control character, noncharacter, bidi override or lone surrogate."""


class ToolCall(Record):
    """One call of one tool; the arguments are structured, never pre-rendered text."""

    name: Annotated[Text, Field(min_length=1, max_length=256)]
    arguments: JsonObject

    @model_validator(mode="after")
    def _arguments_are_plain(self) -> Self:
        _check_json(self.arguments)
        return self


class Message(Record):
    """One turn. Only an assistant reasons and calls tools.

    Line breaks at the seams (around reasoning, before and after an answer) are the template's, not the
    author's: they are removed here, so that rendering and parsing are exact inverses. A turn without a
    visible character says nothing.
    """

    role: Role
    content: Text = ""
    reasoning: Text | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    context: bool = False
    """Whether the turn's author marks it as not to be learned."""

    @model_validator(mode="before")
    @classmethod
    def _trim_seams(cls, fields: object) -> object:
        return _trimmed(fields) if isinstance(fields, dict) else fields

    @staticmethod
    def trusted(fields: Mapping[str, Any]) -> "Message":
        """Return a turn without calls whose fields were validated before; the checks are not repeated."""
        return Message.model_construct(**_trimmed(fields))

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role != "assistant" and (self.reasoning is not None or self.tool_calls):
            raise fault(Reason.ROLE_ORDER, f"a {self.role} turn cannot reason or call tools")
        if self.role != "tool" and not self.tool_calls and not is_visible(self.content):
            reason = Reason.EMPTY_TURN if self.reasoning is None else Reason.THINK_NO_ANSWER
            lacks = "visible character" if self.content.strip() else "text"
            raise fault(reason, f"the {self.role} turn has no {lacks}")
        return self

    def to_chat(self) -> dict[str, Any]:
        """Return the turn as chat templates and trainers read it: `reasoning_content`, wrapped calls."""
        turn: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.reasoning is not None:
            turn["reasoning_content"] = self.reasoning
        if self.tool_calls:
            turn["tool_calls"] = [
                {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return turn


def _trimmed(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if fields.get("role") != "assistant":
        return fields
    content, reasoning = fields.get("content"), fields.get("reasoning")
    trimmed = dict(fields)
    if isinstance(content, str):
        trimmed["content"] = _without_last_lines(content.lstrip("\n")) if content.strip() else ""
    if isinstance(reasoning, str):
        trimmed["reasoning"] = reasoning.strip("\n") if reasoning.strip() else None
    return trimmed


def _without_last_lines(text: str) -> str:
    """Return a text without the blank lines that it ends with."""
    end = len(text.rstrip())
    place = text.find("\n", end)
    return text if place < 0 else text[:place]


class Lineage(Record):
    """Where in its source a row was read."""

    file: str
    """Path inside the dataset."""
    row: int = Field(ge=0)
    """Position in the file, counted from 0."""


class Conversation(Record):
    """A conversation that can be rendered, compared and trained on.

    Invariants: at least one user turn, tools answering the calls of the assistant turn before them, no
    two turns of the assistant in a row, and the assistant speaking last; a system turn may stand
    anywhere. All text is plain (see `Text`). `id` depends on source and content only, never on the
    position of the row.
    """

    id: str
    source: str
    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...] = ()
    lineage: Lineage
    quality: float | None = None
    """The source's own score of the row; higher is better. Decides between duplicates."""
    solver: Text | None = None
    """Who wrote the answer (a model's name): a cap on solutions takes turns between solvers."""
    answer: Text | None = None
    """What the source says that the answer is: rows with different ones are different problems."""

    @model_validator(mode="after")
    def _is_a_chat(self) -> Self:
        check_turns(self.messages)
        for tool in self.tools:
            if not tool:
                raise fault(Reason.TOOLS_INVALID, "an empty tool definition")
            _check_json(tool)
        return self

    def question(self) -> str:
        """Return the first user turn: for a math source, the problem."""
        return next(message.content for message in self.messages if message.role == "user")


def check_turns(messages: Sequence[Message]) -> None:
    """Raise the reason if the order of turns is not one that Qwen3's template shows as a chat."""
    if not messages or messages[-1].role != "assistant":
        raise fault(Reason.NO_FINAL_ASSISTANT, f"ends with {messages[-1].role if messages else 'nothing'}")
    before, asked = "start", False
    for index, message in enumerate(messages):
        role = message.role
        asked = asked or role == "user"
        if role not in _MAY_FOLLOW[before]:
            joins = _joins(messages[index - 1], message) if before == role == "assistant" else ""
            unanswered = before == "call" and role == "assistant"
            wrong = _UNANSWERED if unanswered else f"{_WRONG[role].format(before)}{joins}"
            raise fault(Reason.ROLE_ORDER, f"message {index}: {wrong}")
        before = "call" if message.tool_calls else role
    if not asked:
        raise fault(Reason.ROLE_ORDER, "nobody asks: there is no user turn")


_MAY_FOLLOW: Mapping[str, tuple[Role, ...]] = {
    "start": ("system", "user", "assistant"),
    "system": ("system", "user", "assistant"),
    "user": ("system", "user", "assistant"),
    "assistant": ("system", "user"),
    "call": ("system", "user", "tool"),
    "tool": ("system", "user", "tool", "assistant"),
}
_WRONG: Mapping[Role, str] = {
    "tool": "a tool answers after {}, where no call stands",
    "assistant": "assistant after {}",
    "system": "system after {}",
    "user": "user after {}",
}

_UNANSWERED = "the assistant goes on after a call that has no response"


def _joins(before: Message, message: Message) -> str:
    """Return whether `turns: join` makes one turn of two answers in a row, see `thinkmix.schemas.arrange`."""
    if message.reasoning:
        return "; `turns: join` does not join them, for the second has a trace of its own"
    if message.context != before.context:
        return "; `turns: join` does not join them, for one of them is marked as not to be learned"
    return "; `turns: join` makes one turn of two"


def _check_json(value: Mapping[str, Any]) -> None:
    """Raise the reason if JSON text cannot hold `value` exactly, or should not.

    Refused are depth, keys that are not text, NaN, infinities, other types, and unclean strings.
    """
    if depth(value) > MAX_DEPTH:
        raise fault(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
    _check_item(value)


def _check_item(value: object) -> None:
    if isinstance(value, str):
        clean_text(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise fault(Reason.WRONG_TYPE, f"the key {key!r:.80} is not text")
            clean_text(key)
            _check_item(item)
    elif isinstance(value, list):
        for item in value:
            _check_item(item)
    elif not (value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value))):
        raise fault(Reason.WRONG_TYPE, f"{value!r:.80} is not a JSON value")


def content_key(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    """Return the sha256 of everything a model would read: equal keys mean exact duplicates.

    What is hashed are 64-bit little-endian integers: the number of turns; for each turn its role's place in
    `ROLES` and the bytes of its content, trace and calls; the bytes of the tools; and then all these texts
    one after the other. Texts are in Unicode form NFC (the tokenizer normalises to it, too), calls and
    tools JSON with sorted keys and no white space, and 0 bytes stand for what is not there. Turns that are
    marked as context add -1 minus their place among the turns to the integers.
    """
    counts, texts = [len(messages)], []
    for message in messages:
        calls = [[call.name, dict(call.arguments)] for call in message.tool_calls]
        said = [compose_nfc(message.content).encode(), compose_nfc(message.reasoning or "").encode()]
        parts = [*said, _canonical(calls)]
        counts += [ROLES.index(message.role), *map(len, parts)]
        texts += parts
    texts.append(_canonical(list(tools)))
    counts.append(len(texts[-1]))
    counts += [-1 - place for place, message in enumerate(messages) if message.context]
    return sha256(struct.pack(f"<{len(counts)}q", *counts) + b"".join(texts)).hexdigest()


def _canonical(values: list[Any]) -> bytes:
    """Return canonical JSON: equal values have equal bytes; nothing for an empty list."""
    if not values:
        return b""
    text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    # keys are sorted as they are spelt, so they are normalised before, not after
    return text if text.isascii() else orjson.dumps(_normalized(values), option=orjson.OPT_SORT_KEYS)


def _normalized(value: object) -> object:
    """Return a JSON value with all text in NFC; keys that would become one stay as they are."""
    if isinstance(value, str):
        return compose_nfc(value)
    if isinstance(value, Mapping):
        keys = [compose_nfc(key) for key in value]
        items = map(_normalized, value.values())
        return dict(zip(keys if len(set(keys)) == len(keys) else value, items, strict=True))
    return [_normalized(item) for item in value] if isinstance(value, list | tuple) else value


def row_id(source: str, key: str) -> str:
    """Return the id of a row: 32 hex digits of the sha256 of its source's name and its content key."""
    return sha256(f"{source}\0{key}".encode()).hexdigest()[:32]
