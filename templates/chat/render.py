"""Chat rendering by Jinja: the reference text that the faster, stricter training form must equal."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from thinkmix.schemas.errors import TemplateError

if TYPE_CHECKING:
    import jinja2

    from thinkmix.schemas.conversation import Message
    from thinkmix.schemas.template import Template

CHAT_TEMPLATES: "Mapping[Template, str]" = {
    "qwen3": "qwen3.jinja",
    "qwen3-instruct-2507": "qwen3_instruct_2507.jinja",
    "qwen3-thinking-2507": "qwen3_thinking_2507.jinja",
}
"""File of each chat template, beside this module."""

TEMPLATE_SHA256: "Mapping[Template, str]" = {
    "qwen3": "9a45b887b4a5241b650426a4c26cf882e8430fe3067ea5cd5c0acaa2976b34f3",
    "qwen3-instruct-2507": "5e72111580dee9694886353873fbf2f0b1fdf6163c4a5b31e89ec9d7f6587edc",
    "qwen3-thinking-2507": "556beca7524278acbe5cdc671f7e01a8c1d0d99d0c9f06334beeb9213ffbea0d",
}
"""sha256 of each template's text as it was checked against the official rendering."""


def render_chat(
    messages: "Sequence[Mapping[str, object] | Message]",
    *,
    tools: Iterable[object] | None = None,
    template: "Template" = "qwen3",
    add_generation_prompt: object = False,
    enable_thinking: object = None,
    **others: object,
) -> str:
    r"""Return the text that Qwen3 reads for a chat, equal to the official template's byte for byte.

    Like the official template it drops what it does not know without a word: turns of other
    roles, content that is not text, and the traces of earlier queries. Rows of a mixture are
    therefore validated before (`schemas`) and read back after (`thinkmix.templates.chat.parse`).

    Args:
        messages: Turns as mappings (`role`, `content`, `reasoning_content`, `tool_calls`) or `Message`s.
        tools: Tool definitions, printed in the system turn as they are; none and empty are the same.
        template: Which of Qwen3's three templates.
        add_generation_prompt: Whether to end with the opening of the assistant's turn.
        enable_thinking: Exactly `False` ends a hybrid's generation prompt with an empty trace.
        others: Accepted and ignored, as the official template ignores variables it does not read.

    Raises:
        TemplateError: for no messages, a leading system turn without text, and tools or arguments
            of tool calls that are not JSON.
    """
    from jinja2 import TemplateError as JinjaError  # noqa: PLC0415 - 0.1 s that a CLI's start must not pay

    turns = [
        message if isinstance(message, Mapping) else _turn(index, message)
        for index, message in enumerate(messages)
    ]
    if not turns:
        msg = "messages is empty: a chat needs at least one turn"
        raise TemplateError(msg)
    chat = _compiled(template)
    try:
        return chat.render(
            messages=turns,
            tools=tools,
            add_generation_prompt=add_generation_prompt,
            enable_thinking=enable_thinking,
        )
    except (JinjaError, TypeError, ValueError, RecursionError) as error:
        raise TemplateError(_what_is_wrong(turns, tools) or f"the template failed: {error}") from error


def template_digest(template: "Template") -> str:
    """Return the sha256 of the template's text, in hex: part of what a mixture is pinned to."""
    return sha256(_text(template).encode()).hexdigest()


def tojson(value: object) -> str:
    """Return `value` as JSON the way Qwen3 was trained on it: spaces, no escapes, key order kept.

    Jinja's own filter of that name would escape `<>&'` and sort the keys.
    """
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _text(template: "Template") -> str:
    if template not in CHAT_TEMPLATES:
        msg = f"no chat template {template!r}; there are {', '.join(CHAT_TEMPLATES)}"
        raise TemplateError(msg)
    return (Path(__file__).parent / CHAT_TEMPLATES[template]).read_text(encoding="utf-8")


@cache
def _compiled(template: "Template") -> "jinja2.Template":
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - as above

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = tojson
    return environment.from_string(_text(template))


def _turn(index: int, message: object) -> Mapping[str, object]:
    if callable(to_chat := getattr(message, "to_chat", None)):
        turn: Mapping[str, object] = to_chat()
        return turn
    msg = f"messages[{index}] is a {type(message).__name__}, not an object with role and content"
    raise TemplateError(msg)


def _what_is_wrong(turns: Sequence[Mapping[str, object]], tools: object) -> str | None:
    """Return the first value that no Qwen3 template can print: where it is, and why."""
    first = turns[0]
    if first.get("role") == "system" and not isinstance(first.get("content"), str):
        return (
            f"messages[0] (system): content {_is(first, 'content')}, but a leading system turn must be text"
        )
    for index, turn in enumerate(turns):
        if turn.get("role") == "assistant" and (fault := _call_fault(turn.get("tool_calls"))):
            return f"messages[{index}] (assistant): {fault}"
    if not isinstance(tools, list | tuple | None):
        return f"tools is a {type(tools).__name__}, not a list"
    for index, tool in enumerate(tools or ()):
        if reason := _not_json(tool):
            return f"tools[{index}] is not JSON: {reason}"
    return None


def _call_fault(calls: object) -> str | None:
    if not calls:
        return None
    if not isinstance(calls, list | tuple):
        return f"tool_calls is a {type(calls).__name__}, not a list"
    for index, call in enumerate(calls):
        where = f"tool_calls[{index}]"
        function = (call.get("function") or call) if isinstance(call, Mapping) else call
        if not isinstance(function, Mapping):
            return f"{where} is a {type(function).__name__}, not an object with name and arguments"
        if "arguments" not in function:
            return f"{where} has no arguments"
        if not isinstance(function["arguments"], str) and (reason := _not_json(function["arguments"])):
            return f"{where}: arguments are not JSON: {reason}"
    return None


def _is(turn: Mapping[str, object], field: str) -> str:
    return f"is a {type(turn[field]).__name__}" if turn.get(field) is not None else "is missing"


def _not_json(value: object) -> str | None:
    try:
        tojson(value)
    except RecursionError:
        return "nested too deep"
    except (TypeError, ValueError) as error:
        return str(error)
    return None
