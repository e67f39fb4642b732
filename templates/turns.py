r"""The training form: one prompt and one completion per assistant turn that is learned.

The prompt is what the model would be shown at inference, the completion what it should say then
(hybrid template; ⟦…⟧ is the completion, where the loss lies):

    thinking       …<|im_start|>assistant\n⟦<think>\n2+3=5.\n</think>\n\nIt is 5.<|im_end|>\n⟧
    not thinking   …<|im_start|>assistant\n<think>\n\n</think>\n\n⟦Hi!<|im_end|>\n⟧

LLaMA-Factory, ms-swift and TRL label rows of this form token by token alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from schemas.errors import TemplateError
from templates.render import tojson

if TYPE_CHECKING:
    from schemas.conversation import Message, ToolCall
    from schemas.recipe import Template

OPEN = "<|im_start|>"
CLOSE = "<|im_end|>\n"
ASSISTANT = f"{OPEN}assistant\n"
_OPEN_TAG, _CLOSE_TAG = "<think>", "</think>"
THINK = f"{_OPEN_TAG}\n"
ANSWER = f"\n{_CLOSE_TAG}\n\n"
TOOLS_OPEN = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
TOOLS_CLOSE = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
    "within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
RESPONSE_OPEN = "<tool_response>\n"
RESPONSE_CLOSE = "\n</tool_response>"
CALL_OPEN = "<tool_call>\n"
CALL_CLOSE = "\n</tool_call>"


class ModeUnsupported(TemplateError):
    """The template has no way to write this row: a trace it never shows, or a turn without one."""


@dataclass(frozen=True, slots=True)
class TrainingTurn:
    """One assistant turn to learn; `prompt + completion` is the official rendering up to its end."""

    turn: int
    """Position among the conversation's messages: the prompt shows `messages[:turn]`."""
    thinking: bool
    """Whether the turn holds a trace of reasoning."""
    prompt: str
    completion: str


def training_turns(
    messages: "Sequence[Message]",
    tools: Sequence[Mapping[str, object]] = (),
    *,
    template: "Template",
    supervise: Literal["all", "last"] = "all",
) -> list[TrainingTurn]:
    """Return the assistant turns of a canonical conversation as prompts and completions, in order.

    Written straight into strings, equal to `render_chat` for every conversation that `schemas`
    accepts; other message lists are not looked after here.

    Args:
        messages: The turns of a `Conversation`.
        tools: Its tool definitions.
        template: Whose text is wanted.
        supervise: Every assistant turn, or only the last.

    Raises:
        ModeUnsupported: where the template would drop a trace that belongs to a learned turn or to
            a tool step before it, or demands one that is not there; names the message.
    """
    last = len(messages) - 1
    past = _system(messages[0], tools)  # up to the last query, as every later turn is shown it
    shown = bare = ""  # what was said since: with its traces for this query, without for later ones
    learned: list[TrainingTurn] = []
    for index, message in enumerate(messages):
        if message.role == "user":
            past += f"{bare}{OPEN}user\n{message.content}{CLOSE}"
            shown = bare = ""
        elif message.role == "tool":
            response = _response(messages, index)
            shown += response
            bare += response
        elif message.role == "assistant":
            reply = f"{_reply(message)}{CLOSE}"
            if supervise == "all" or index == last:
                learned.append(_learned(index, message, past + shown, reply, template))
            if index < last:
                shown += f"{ASSISTANT}{_trace(message)}{reply}"
                bare += f"{ASSISTANT}{reply}"
    return learned


def cut_trace(turn: TrainingTurn) -> tuple[str, str]:
    """Return a completion's trace, without its tags, and the completion without the trace.

    What stands around a trace are tokens of the template's own, or the beginning of the completion, so the
    two have together exactly the tokens of the whole. A turn without a trace has an empty one.
    """
    if not turn.thinking:
        return "", turn.completion
    head, close, answer = turn.completion.partition(_CLOSE_TAG)
    opening = _OPEN_TAG if head.startswith(_OPEN_TAG) else ""
    return head.removeprefix(opening), f"{opening}{close}{answer}"


def generation_prompt(template: "Template", *, thinking: bool) -> str:
    """Return what a prompt ends with: the assistant's turn, opened for a trace or past an empty one."""
    if template == "qwen3-thinking-2507":
        return ASSISTANT + THINK
    return ASSISTANT + THINK + ANSWER if template == "qwen3" and not thinking else ASSISTANT


def _learned(index: int, message: "Message", history: str, reply: str, template: "Template") -> TrainingTurn:
    thinking = bool(message.reasoning)
    if template == "qwen3-instruct-2507" and (thinking or THINK in history):
        verb = "holds" if thinking else "follows"
        msg = f"messages[{index}] (assistant) {verb} a trace of reasoning, which {template} never shows"
        raise ModeUnsupported(msg)
    if template == "qwen3-thinking-2507" and not thinking:
        msg = f"messages[{index}] (assistant) has no trace of reasoning, with which {template} always starts"
        raise ModeUnsupported(msg)
    opening = generation_prompt(template, thinking=thinking)
    trace = _trace(message)
    if template == "qwen3-thinking-2507":
        trace = trace.removeprefix(THINK)
    return TrainingTurn(index, thinking, history + opening, trace + reply)


def _system(first: "Message", tools: Sequence[Mapping[str, object]]) -> str:
    system = first.content if first.role == "system" else None
    if not tools:
        return "" if system is None else f"{OPEN}system\n{system}{CLOSE}"
    before = "" if system is None else f"{system}\n\n"
    listed = "\n".join(tojson(tool) for tool in tools)
    return f"{OPEN}system\n{before}{TOOLS_OPEN}{listed}{TOOLS_CLOSE}{CLOSE}"


def _response(messages: "Sequence[Message]", index: int) -> str:
    """Return a tool's response; neighbours share one user turn."""
    opening = "" if messages[index - 1].role == "tool" else f"{OPEN}user"
    closing = "" if messages[index + 1].role == "tool" else CLOSE
    return f"{opening}\n{RESPONSE_OPEN}{messages[index].content}{RESPONSE_CLOSE}{closing}"


def _trace(message: "Message") -> str:
    return f"{THINK}{message.reasoning}{ANSWER}" if message.reasoning else ""


def _reply(message: "Message") -> str:
    if not message.tool_calls:
        return message.content
    calls = "\n".join(_call(call) for call in message.tool_calls)
    return f"{message.content}\n{calls}" if message.content else calls


def _call(call: "ToolCall") -> str:
    return f'{CALL_OPEN}{{"name": "{call.name}", "arguments": {tojson(call.arguments)}}}{CALL_CLOSE}'
