"""A chat while it is read: turns are added one after another, in whatever form a row writes them."""

from collections.abc import Sequence
from typing import Any

from schemas.findings import Finding, Notes
from schemas.formats import hermes
from schemas.formats.contract import Draft
from schemas.reasons import Reason
from schemas.record import fault
from schemas.think import split_think


class Chat:
    """Collects the turns of one row; `draft` returns them."""

    def __init__(self, notes: Notes, *, answer_tag: str | None = None, unopened: bool = False) -> None:
        """Begin an empty chat.

        Args:
            notes: takes what is found.
            answer_tag: tag that encloses each answer after its trace; unset where none does.
            unopened: whether `</think>` without `<think>` closes a trace that the template opened.
        """
        self.notes = notes
        self.messages: list[dict[str, Any]] = []
        self.tools: list[Any] = []
        self._answer_tag = answer_tag
        self._unopened = unopened

    def system(self, text: str) -> None:
        """Add a system turn, unless it is blank or the very one before; definitions in its text are read."""
        if "<tools>" in text:
            text, tools = hermes.split_tools(text)
            if tools:
                self.notes.count(Finding.TEXT_TOOLS)
                self.tools += tools
        if self._answer_tag and f"<{self._answer_tag}>" in text:
            text, left = _without_form(text, (f"<{self._answer_tag}>", "<think>"))
            self.notes.count(Finding.ANSWER_FORM, left)
        turn = {"role": "system", "content": text}
        if text.strip() and turn not in self.messages[-1:]:
            self.messages.append(turn)

    def user(self, text: str) -> None:
        """Add a user turn; responses of tools that stand in its text, as Qwen3 shows them, are tool turns."""
        responses = hermes.split_responses(text)
        if responses is None:
            self.messages.append({"role": "user", "content": text})
        for response in responses or ():
            self.tool(response)

    def assistant(
        self,
        text: str,
        *,
        traces: Sequence[str | None] = (),
        calls: Sequence[dict[str, Any]] = (),
        context: bool = False,
    ) -> None:
        """Add an assistant turn: its text may begin with a trace, and end with calls.

        Args:
            text: what it says.
            traces: the trace as it stands in other places; two different ones are refused.
            calls: what it calls.
            context: whether its author marks it as not to be learned.
        """
        found = list(calls)
        if "<tool_call>" in text:
            text, written = hermes.split_calls(text, self.notes)
            if written:
                self.notes.count(Finding.TEXT_CALLS, len(written))
            found += written
        trace, content = split_think(text, called=bool(found), unopened=self._unopened)
        if self._answer_tag:
            content = self._answer(content, self._answer_tag)
        turn: dict[str, Any] = {"role": "assistant", "content": content}
        if reasoning := self._one_trace([*traces, trace]):
            turn["reasoning"] = reasoning
        if found:
            turn["tool_calls"] = found
        if context:
            turn["context"] = True
        self.messages.append(turn)

    def calls(self, calls: Sequence[dict[str, Any]], trace: str | None, *, context: bool = False) -> None:
        """Add calls of a turn of their own to the assistant turn that they continue, if there is one."""
        last = self.messages[-1] if self.messages else None
        if last is not None and last["role"] == "assistant" and not trace:
            last.setdefault("tool_calls", []).extend(calls)
            return
        turn: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": list(calls)}
        if trace:
            turn["reasoning"] = trace
        if context:
            turn["context"] = True
        self.messages.append(turn)

    def tool(self, text: str, *, answers: str | None = None) -> None:
        """Add a tool's response; `answers` is the id of its call. Tags of Qwen3's own form are taken off."""
        for response in hermes.split_responses(text) or (text,):
            turn: dict[str, Any] = {"role": "tool", "content": response}
            if answers:
                turn["answers"] = answers
            self.messages.append(turn)

    def draft(
        self, tools: Sequence[Any] = (), *, quality: float | None = None, solver: str | None = None
    ) -> Draft:
        """Return the chat; definitions of `tools` stand before those that were read from text."""
        listed = [*tools, *(tool for tool in self.tools if tool not in tools)]
        return Draft(messages=self.messages, tools=listed, quality=quality, solver=solver)

    def _answer(self, text: str, tag: str) -> str:
        """Return an answer without the tags that enclose it whole."""
        inside = text.strip()
        opening, closing = f"<{tag}>", f"</{tag}>"
        if not (inside.startswith(opening) and inside.endswith(closing)):
            return text
        self.notes.count(Finding.ANSWER_TAG)
        return inside[len(opening) : -len(closing)]

    def _one_trace(self, traces: Sequence[str | None]) -> str | None:
        """Return the trace that a turn states, perhaps in several places in the same words."""
        found = {trace.strip(): trace for trace in traces if trace and trace.strip()}
        if len(found) > 1:
            detail = f"message {len(self.messages)} holds {len(found)} different traces"
            raise fault(Reason.THINK_REPEATED, detail)
        return next(iter(found.values()), None)


def _without_form(text: str, tags: tuple[str, ...]) -> tuple[str, int]:
    """Return a text without the sentences that hold one of the tags, and how many these are."""
    lines, left = [], 0
    for line in text.split("\n"):
        sentences = line.split(". ")
        kept = [sentence for sentence in sentences if not any(tag in sentence for tag in tags)]
        left += len(sentences) - len(kept)
        ended = kept and kept[-1] is not sentences[-1] and not kept[-1].endswith(".")
        lines.append(f"{'. '.join(kept)}{'.' if ended else ''}")
    return "\n".join(lines), left
