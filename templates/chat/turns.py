r"""The training form: one prompt and one completion per assistant turn that is learned.

The prompt is what the model would be shown at inference, the completion what it should say then
(hybrid template; ⟦…⟧ is the completion, where the loss lies):

    thinking       …<|im_start|>assistant\n⟦<think>\n2+3=5.\n</think>\n\nIt is 5.<|im_end|>\n⟧
    not thinking   …<|im_start|>assistant\n<think>\n\n</think>\n\n⟦Hi!<|im_end|>\n⟧
    soft switch    … /no_think<|im_end|>\n<|im_start|>assistant\n⟦<think>\n\n</think>\n\nHi!<|im_end|>\n⟧

The last form is made on demand only. No other form learns an empty trace: it teaches a model that is served
with thinking on to obey the word in its prompt.

LLaMA-Factory, ms-swift and TRL label rows of this form token by token alike.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from thinkmix.templates.chat.control_tokens import (
    ANSWER,
    ASSISTANT,
    CALL_CLOSE,
    CALL_OPEN,
    CLOSE,
    CLOSE_TAG,
    EMPTY_TRACE,
    OPEN,
    OPEN_TAG,
    RESPONSE_CLOSE,
    RESPONSE_OPEN,
    THINK,
    TOOLS_CLOSE,
    TOOLS_OPEN,
)
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.switch import NO_THINK, governing_switches
from thinkmix.templates.chat.tojson import tojson

if TYPE_CHECKING:
    from thinkmix.schemas.conversation import Message, ToolCall


@dataclass(frozen=True, slots=True)
class ModeUnsupported:
    """A turn that the template cannot write: it never shows the trace, or demands one that is not there."""

    turn: int
    """Position among the conversation's messages."""
    why: str
    """Names the message."""


@dataclass(frozen=True, slots=True)
class TrainingTurn:
    """One assistant turn to learn: `prompt` and `completion` are what the official template prints for it.

    Together they are the official rendering up to the turn's end, with one exception. Of two assistant
    turns in a row, the template shows an empty trace in the earlier one as long as that is the last turn.
    The prompt of the later one shows it too, because the model reads it at inference.
    """

    turn: int
    """Position among the conversation's messages: the prompt shows `messages[:turn]`."""
    thinking: bool
    """Whether the turn holds a trace of reasoning."""
    prompt: str
    completion: str

    @property
    def soft(self) -> bool:
        """Return whether the turn learns its empty trace, in answer to `/no_think`."""
        return not self.thinking and self.completion.startswith(EMPTY_TRACE)


Learned: TypeAlias = TrainingTurn | ModeUnsupported
"""What comes of a wanted turn."""


def training_turns(
    messages: "Sequence[Message]",
    tools: Sequence[Mapping[str, object]] = (),
    *,
    family: Family,
    turns: Collection[int],
    soft_switch: bool = False,
) -> list[Learned]:
    """Return what `each_training_turn` yields."""
    return list(each_training_turn(messages, tools, family=family, turns=turns, soft_switch=soft_switch))


def each_training_turn(
    messages: "Sequence[Message]",
    tools: Sequence[Mapping[str, object]] = (),
    *,
    family: Family,
    turns: Collection[int],
    soft_switch: bool = False,
) -> Iterator[Learned]:
    """Yield the wanted assistant turns of a conversation as prompts and completions, in order.

    One at a time, because every prompt repeats those before it: together they may be many times the row.

    Written straight into strings, equal to `render_chat` for every order of turns in which tools follow calls
    and the assistant speaks last. What comes of a turn does not depend on which others are wanted.

    Args:
        messages: The turns of a `Conversation`.
        tools: Its tool definitions.
        family: Whose text is wanted.
        turns: Positions of the assistant turns to learn. Turns of other roles and turns before the first
            user turn are left out: nobody asked for them, and no template shows a trace there.
        soft_switch: Whether an answer without a trace to `/no_think` learns its empty trace (hybrid only).

    Yields:
        For each turn a `TrainingTurn`, or a `ModeUnsupported` where the template would drop a trace that
        belongs to the turn or to a step before it, or demands one that is not there.
    """
    soft = _soft(messages) if soft_switch and family.soft_switch else ()
    last = len(messages) - 1
    past = _system(messages[0], tools)  # up to the last query, as every later turn is shown it
    shown = bare = ""  # what was said since: with its traces for this query, without for later ones
    asked = traced = False  # whether there was a query, and a trace since
    before = ""
    for index, message in enumerate(messages):
        role = message.role
        if role == "user":
            past += f"{bare}{OPEN}user\n{message.content}{CLOSE}"
            shown = bare = ""
            asked, traced = True, False
        elif role == "assistant":
            reasoning = message.reasoning
            trace = f"{THINK}{reasoning}{ANSWER}" if reasoning else ""
            reply = _reply(message)
            if asked and index in turns:
                since = _ended(shown, messages[index - 1], family) if before == role else shown
                yield _learned(index, trace, past + since, reply, family, traced=traced, soft=index in soft)
            if index < last:
                shown += f"{ASSISTANT}{trace}{reply}"
                bare += f"{ASSISTANT}{reply}"
                traced = traced or bool(trace)
        elif index or role == "tool":  # a leading system turn is in the head
            said = _response(messages, index) if role == "tool" else _later_system(message)
            shown += said
            bare += said
        before = role


def cut_trace(turn: TrainingTurn) -> tuple[str, str]:
    """Return a completion's trace, without its tags, and the completion without the trace.

    What stands around a trace are tokens of the template's own, or the beginning of the completion, so the
    two have together exactly the tokens of the whole. A turn without a trace has an empty one.
    """
    if not turn.thinking:
        return "", turn.completion
    head, close, answer = turn.completion.partition(CLOSE_TAG)
    opening = OPEN_TAG if head.startswith(OPEN_TAG) else ""
    return head.removeprefix(opening), f"{opening}{close}{answer}"


def _soft(messages: "Sequence[Message]") -> set[int]:
    """Return the turns that answer `/no_think` without a trace."""
    said = enumerate(zip(messages, governing_switches(messages), strict=True))
    return {index for index, (message, switch) in said if switch == NO_THINK and not message.reasoning}


def _unsupported(family: Family, *, thinking: bool, traced: bool) -> str | None:
    """Return why the template cannot write a turn."""
    if family.thinks == "never" and (thinking or traced):
        verb = "holds" if thinking else "follows"
        return f"{verb} a trace of reasoning, which {family.name} never shows"
    if family.thinks == "always" and not thinking:
        return f"has no trace of reasoning, with which {family.name} always starts"
    return None


def _ended(shown: str, last: "Message", family: Family) -> str:
    """Return what was said since the query as it reads while the answer `last` is the very last turn."""
    if last.reasoning or family.thinks == "never":
        return shown
    reply = _reply(last)
    return f"{shown.removesuffix(reply)}{EMPTY_TRACE}{reply}"


def _learned(
    index: int, trace: str, history: str, reply: str, family: Family, *, traced: bool, soft: bool
) -> Learned:
    """Return a turn as it is learned, which comes after a trace of this query (`traced`) or not."""
    if family.thinks != "hybrid" and (fault := _unsupported(family, thinking=bool(trace), traced=traced)):
        return ModeUnsupported(index, f"messages[{index}] (assistant) {fault}")
    if trace:
        if family.opens_trace:
            trace = trace.removeprefix(THINK)
        return TrainingTurn(index, True, history + family.thinking_opening, trace + reply)
    if soft:
        return TrainingTurn(index, False, history + ASSISTANT, EMPTY_TRACE + reply)
    return TrainingTurn(index, False, history + family.direct_opening, reply)


def _system(first: "Message", tools: Sequence[Mapping[str, object]]) -> str:
    system = first.content if first.role == "system" else None
    if not tools:
        return "" if system is None else f"{OPEN}system\n{system}{CLOSE}"
    before = "" if system is None else f"{system}\n\n"
    listed = "\n".join(tojson(tool) for tool in tools)
    return f"{OPEN}system\n{before}{TOOLS_OPEN}{listed}{TOOLS_CLOSE}{CLOSE}"


def _later_system(message: "Message") -> str:
    return f"{OPEN}system\n{message.content}{CLOSE}"


def _response(messages: "Sequence[Message]", index: int) -> str:
    """Return a tool's response; neighbours share one user turn."""
    opening = "" if messages[index - 1].role == "tool" else f"{OPEN}user"
    closing = "" if messages[index + 1].role == "tool" else CLOSE
    return f"{opening}\n{RESPONSE_OPEN}{messages[index].content}{RESPONSE_CLOSE}{closing}"


def _reply(message: "Message") -> str:
    """Return what an assistant says after its trace, up to the turn's end."""
    if not message.tool_calls:
        return f"{message.content}{CLOSE}"
    calls = "\n".join(_call(call) for call in message.tool_calls)
    return f"{message.content}\n{calls}{CLOSE}" if message.content else f"{calls}{CLOSE}"


def _call(call: "ToolCall") -> str:
    return f'{CALL_OPEN}{{"name": "{call.name}", "arguments": {tojson(call.arguments)}}}{CALL_CLOSE}'
