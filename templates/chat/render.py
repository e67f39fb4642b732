"""Chat rendering by Jinja: the reference text that the faster, stricter training form must equal."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from thinkmix.schemas.errors import TemplateError
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.tojson import tojson

if TYPE_CHECKING:
    import jinja2

    from thinkmix.schemas.conversation import Message


def render_chat(
    messages: "Sequence[Mapping[str, object] | Message]",
    *,
    tools: Iterable[object] | None = None,
    family: Family,
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
        family: Whose template prints it.
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
    chat = _compiled(family)
    try:
        return chat.render(
            messages=turns,
            tools=tools,
            add_generation_prompt=add_generation_prompt,
            enable_thinking=enable_thinking,
        )
    except (JinjaError, TypeError, ValueError, RecursionError) as error:
        raise TemplateError(_what_is_wrong(turns, tools) or f"the template failed: {error}") from error


@cache
def _compiled(family: Family) -> "jinja2.Template":
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - as above

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = tojson
    return environment.from_string(family.text)


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
