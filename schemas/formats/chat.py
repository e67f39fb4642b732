"""A chat while it is read: turns are added one after another, in whatever form a row writes them."""

from collections.abc import Sequence
from typing import Any

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats import hermes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.prompts import TAGS, split_definitions, without_form
from thinkmix.schemas.formats.pythonic import split_calls
from thinkmix.schemas.formats.tools import read_call, stated_id, tool_name, unite_calls
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault
from thinkmix.schemas.think import CLOSE, split_think


class Chat:
    """Collects the turns of one row; `draft` returns them."""

    def __init__(
        self,
        notes: Notes,
        *,
        answer_tag: str | None = None,
        unopened: bool = False,
        trimmed: bool = False,
    ) -> None:
        """Begin an empty chat.

        Args:
            notes: takes what is found.
            answer_tag: tag that encloses each answer after its trace; unset where none does.
            unopened: whether `</think>` without `<think>` closes a trace that the template opened.
            trimmed: whether blank lines before an answer are not its author's, even if they hold spaces.
        """
        self.notes = notes
        self.messages: list[dict[str, Any]] = []
        self.tools: list[Any] = []
        self._answer_tag = answer_tag
        self._unopened = unopened
        self._trimmed = trimmed
        self._ids: set[str] = set()
        self._shows_form = False

    def system(self, text: str) -> None:
        """Add a system turn, unless it is blank or the very one before; definitions in its text are read."""
        text = self.notes.mended("system", text, self.messages)
        if "<tools>" in text:
            text, tools = hermes.split_tools(text, self.notes)
            self.tools += tools
        if self._answer_tag and f"<{self._answer_tag}>" in text:
            text, left = _without_form(text, (f"<{self._answer_tag}>", "<think>"))
            self.notes.count(Finding.ANSWER_FORM, left)
        self._shows_form = self._shows_form or ("<" in text and any(tag in text for tag in TAGS))
        turn = {"role": "system", "content": text}
        if text.strip() and turn not in self.messages[-1:]:
            self.messages.append(turn)

    def user(self, text: str) -> None:
        """Add a user turn; responses of tools that stand in its text, as Qwen3 shows them, are tool turns."""
        text = self.notes.mended("user", text, self.messages)
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
            traces: the trace as other places state it; two different ones are refused.
            calls: what it calls.
            context: whether its author marks it as not to be learned.
        """
        text = self.notes.mended("assistant", text, self.messages)
        traces = [trace and self.notes.mended("trace", trace, self.messages) for trace in traces]
        found = list(calls)
        if "<tool_call>" in text:
            text, written = hermes.split_calls(text, self.notes)
            found = list(unite_calls(found, written))
        trace, content = split_think(text, called=bool(found), unopened=self._unopened)
        if self._answer_tag:
            content = self._answer(content, self._answer_tag)
        if self._trimmed:
            content = _without_first_lines(content)
        self._add_answer(content, self._one_trace(traces, trace), found, context=context)

    def calls(self, calls: Sequence[dict[str, Any]], trace: str | None, *, context: bool = False) -> None:
        """Add calls of a turn of their own to the assistant turn that they continue, if there is one.

        The turn is learned as a whole: if its author marks one of its parts, all of it is context.
        """
        last = self.messages[-1] if self.messages else None
        if last is not None and last["role"] == "assistant" and not trace:
            last.setdefault("tool_calls", []).extend(calls)
            self._know(calls)
            if context:
                last["context"] = True
            return
        self._add_answer("", trace, calls, context=context)

    def tool(self, text: str, *, answers: str | None = None, named: str | None = None) -> None:
        """Add a tool's response; tags of Qwen3's own form are taken off.

        Args:
            text: what it says.
            answers: the id of its call.
            named: the name of the tool.
        """
        responses = hermes.split_responses(text) or (text,)
        for response in responses:
            turn: dict[str, Any] = {"role": "tool", "content": response}
            if answers:
                turn["answers"] = answers
            if named:
                turn["named"] = named
            self.messages.append(turn)

    def call_of(self, identity: object) -> str | None:
        """Return the id of a call that was made so far, if `identity` is one: turns have ids of their own."""
        stated = stated_id({"id": identity}, ("id",))
        return stated if stated in self._ids else None

    def draft(
        self,
        tools: Sequence[Any] = (),
        *,
        quality: float | None = None,
        solver: str | None = None,
        answer: str | None = None,
    ) -> Draft:
        """Return the chat; definitions of `tools` stand before those that were read from text."""
        listed = self._listed(tools)
        if self._shows_form and (listed or any("tool_calls" in turn for turn in self.messages)):
            self._leave_form()
        return Draft(messages=self.messages, tools=listed, quality=quality, solver=solver, answer=answer)

    def _add_answer(
        self, content: str, trace: str | None, calls: Sequence[dict[str, Any]], *, context: bool
    ) -> None:
        turn: dict[str, Any] = {"role": "assistant", "content": content}
        if trace:
            turn["reasoning"] = trace
        if calls:
            turn["tool_calls"] = list(calls)
            self._know(calls)
        if context:
            turn["context"] = True
        self.messages.append(turn)

    def _know(self, calls: Sequence[dict[str, Any]]) -> None:
        self._ids.update(call["id"] for call in calls if "id" in call)

    def _listed(self, tools: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return definitions, those from text without the ones that the row states elsewhere, too."""
        found = list(tools)
        if not self.tools:
            return found
        names = {tool_name(tool) for tool in tools}
        for tool in self.tools:
            name = tool_name(tool)
            if name is None or name not in names:
                found.append(tool)
                names.add(name)
            elif tool not in found:
                self.notes.count(Finding.TOOL_REPEATED)
        return found

    def _leave_form(self) -> None:
        """Leave out what system turns say on the form of calls with tags, which are commands to a model."""
        for turn in self.messages:
            if turn["role"] == "system" and any(tag in turn["content"] for tag in TAGS):
                turn["content"], dropped = without_form(turn["content"])
                self.notes.count(Finding.CALL_FORM, dropped)
        self.messages = [
            turn for turn in self.messages if turn["role"] != "system" or turn["content"].strip()
        ]

    def _answer(self, text: str, tag: str) -> str:
        """Return an answer without the tags that enclose it whole."""
        inside = text.strip()
        opening, closing = f"<{tag}>", f"</{tag}>"
        if not (inside.startswith(opening) and inside.endswith(closing)):
            return text
        self.notes.count(Finding.ANSWER_TAG)
        return inside[len(opening) : -len(closing)]

    def _one_trace(self, traces: Sequence[str | None], inline: str | None) -> str | None:
        """Return the trace that a turn states, perhaps in several places in the same words."""
        if not traces:
            return inline
        found = {trace.strip(): trace for trace in (*traces, inline) if trace and trace.strip()}
        if len(found) > 1:
            detail = f"message {len(self.messages)} holds {len(found)} different traces"
            raise fault(Reason.THINK_REPEATED, detail)
        return next(iter(found.values()), None)


class ListedChat(Chat):
    """A chat whose system turn lists definitions that no tag encloses.

    Its calls may be written as Python, see `pythonic`.
    """

    def __init__(
        self, notes: Notes, *, answer_tag: str | None = None, unopened: bool = False, pythonic: bool = False
    ) -> None:
        """Begin an empty chat; `pythonic` says whether its calls are written as Python."""
        super().__init__(notes, answer_tag=answer_tag, unopened=unopened)
        self._pythonic = pythonic
        self._names: frozenset[str] = frozenset()
        self._named = 0

    def system(self, text: str) -> None:
        """Add a system turn without the definitions that it lists."""
        super().system(self.without_definitions(text))

    def without_definitions(self, text: str) -> str:
        """Return a prompt without the definitions that it lists, which are taken."""
        rest, tools = split_definitions(text)
        if not tools:
            return text
        self.notes.count(Finding.TEXT_TOOLS)
        self.tools += tools
        rest, dropped = without_form(rest)
        self.notes.count(Finding.CALL_FORM, dropped)
        return rest

    def assistant(
        self,
        text: str,
        *,
        traces: Sequence[str | None] = (),
        calls: Sequence[dict[str, Any]] = (),
        context: bool = False,
    ) -> None:
        """Add an assistant turn, whose text may end with calls that are written as Python."""
        if self._pythonic:
            trace, closed, answer = text.rpartition(CLOSE)
            answer, written = split_calls(answer, self._defined())
            self.notes.count(Finding.TEXT_CALLS, len(written))
            listed = [read_call(call, "call", self.notes) for call in written]
            text, calls = f"{trace}{closed}{answer}", [*calls, *listed]
        super().assistant(text, traces=traces, calls=calls, context=context)

    def _defined(self) -> frozenset[str]:
        """Return the names of the tools that were defined so far."""
        if self._named != len(self.tools):
            self._names = frozenset(name for tool in self.tools if (name := tool_name(tool)))
            self._named = len(self.tools)
        return self._names


def _without_first_lines(text: str) -> str:
    """Return a text without the blank lines that it begins with."""
    first = len(text) - len(text.lstrip())
    return text[text.rfind("\n", 0, first) + 1 :]


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
