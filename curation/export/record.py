"""What an export holds and where it came from: `export.json`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from thinkmix.curation.export.version import Example
from thinkmix.schemas.manifest import FileEntry, Split
from thinkmix.schemas.record import Record
from thinkmix.templates.chat.control_tokens import EMPTY_TRACE
from thinkmix.templates.chat.families.known import Template

MANIFEST = "export.json"
"""Name of an export's manifest, beside its files."""

_BLOCK_TOKENS = 8
"""Tokens of the tags of a trace and of the line breaks around them; those of an empty one are 4."""


class Counts(Record):
    """What was exported of one split."""

    examples: int = 0
    thinking: int = 0
    """Examples whose learned turn holds a trace."""
    soft_switch: int = 0
    """Examples that learn an empty trace, in answer to `/no_think`."""
    messages: int = 0
    earlier_answers: int = 0
    """Assistant turns before the learned one."""
    traces: int = 0
    """Turns with a trace."""
    earlier_traces: int = 0
    """Of these, turns before the learned one."""
    calls: int = 0
    responses: int = 0
    with_tools: int = 0
    """Examples with a list of tools."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    longest: int = 0
    """Tokens of the longest example, prompt and completion together."""
    longest_shown: int = 0
    """Most tokens that an example can have where a trainer shows the think block of every earlier answer."""


class Export(Record):
    """The manifest of an export: no clock, no path: equal exports write equal bytes."""

    version: Literal[1] = 1
    exporter: str
    options: Mapping[str, JsonValue]
    mixture: str
    mixture_digest: str
    """sha256 of the version's manifest, which is the version's name."""
    content_sha256: str
    """Digest of the version's ordered rows."""
    template: Template
    splits: Mapping[Split, Counts]
    held: Mapping[str, str]
    """Where the files hold the values of a version's column."""
    left_out: Mapping[str, str]
    """Why the files do not hold the values of a version's column."""
    remarks: tuple[str, ...]
    """What a trainer of this form does with some of the rows that training on the version does not."""
    files: Mapping[str, FileEntry]


@dataclass
class Counter:
    """Counts the examples that pass."""

    counts: Counts = field(default_factory=Counts)

    def count(self, examples: Iterable[Example]) -> Iterator[Example]:
        """Yield the examples; `counts` is that of all when they have passed."""
        found = dict.fromkeys(Counts.model_fields, 0)
        for example in examples:
            yield example
            for name, number in _of(example).items():
                found[name] += number
            tokens = example.prompt_tokens + example.completion_tokens
            found["longest"] = max(found["longest"], tokens)
            found["longest_shown"] = max(found["longest_shown"], tokens + _blocks(example))
        self.counts = Counts.model_validate(found)


def _blocks(example: Example) -> int:
    """Return the most tokens of the think blocks of all answers before the learned one."""
    answers = (turn["reasoning_content"] for turn in example.messages[:-1] if turn["role"] == "assistant")
    # no token of a trace is shorter than a byte
    return sum(_BLOCK_TOKENS + len((trace or "").encode()) for trace in answers)


def _of(example: Example) -> Mapping[str, int]:
    turns = example.messages
    traces = sum(turn["reasoning_content"] is not None for turn in turns)
    return {
        "examples": 1,
        "thinking": example.thinking,
        "soft_switch": not example.thinking and example.completion.startswith(EMPTY_TRACE),
        "messages": len(turns),
        "earlier_answers": sum(turn["role"] == "assistant" for turn in turns[:-1]),
        "traces": traces,
        "earlier_traces": traces - (turns[-1]["reasoning_content"] is not None),
        "calls": sum(len(turn["tool_calls"] or ()) for turn in turns),
        "responses": sum(turn["role"] == "tool" for turn in turns),
        "with_tools": example.tools is not None,
        "prompt_tokens": example.prompt_tokens,
        "completion_tokens": example.completion_tokens,
    }
