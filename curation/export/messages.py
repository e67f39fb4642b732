"""OpenAI's chat form, the one that most trainers read."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import orjson

from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.version import Example
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.formats.messages import Messages as MessagesFormat
from thinkmix.schemas.manifest import Split

_BUFFER_BYTES = 1 << 20


class Messages(Exporter):
    """OpenAI chat JSONL: a JSON object a line, with `messages` and, where there are any, `tools`.

    A line is an example, in the published order: a conversation that teaches three turns is three lines, and
    each ends with the turn that it teaches. A trace stands in `reasoning_content` beside `content`. The
    arguments of a call are JSON text, as the chat template prints them; a call has an `id`, and the turn of
    role `tool` that answers it repeats it as `tool_call_id`.
    """

    name: ClassVar[str] = "messages"
    readers: ClassVar[str] = "TRL, axolotl and whatever renders chats by the model's template; OpenAI's API"
    held: ClassVar[Mapping[str, str]] = {
        "messages": "messages",
        "tools": "tools",
        "turn": "the place of the last message",
        "thinking": "whether the last message has reasoning_content",
    }
    left_out: ClassVar[Mapping[str, str]] = {
        "id": "line N of a file is row N of its split in the version",
        "source": "as id",
        "conversation_id": "as id",
        "prompt": "the trainer renders it from messages and tools",
        "completion": "as prompt",
        "prompt_tokens": "the trainer counts",
        "completion_tokens": "as prompt_tokens",
    }

    mark: Literal["weight", "loss", "training", "none"] = "weight"
    """Key of each assistant turn that says whether its line teaches it, which only the last turn of a line is
    for: `weight` 0 or 1 (OpenAI), `loss` true or false (ms-swift), `training` true or false (axolotl), or
    `none` for no mark."""
    tools: Literal["list", "text"] = "list"
    """How tools are written: as a list of objects, or as JSON text, which TRL and ms-swift read, too. Where
    `datasets` has no JSON type yet, it fills the keys that a tool in a list lacks with null."""

    @property
    def marked(self) -> bool:
        """Return whether each answer says whether it is learned."""
        return self.mark != "none"

    def row_format(self) -> Format:
        """Return the format `messages`."""
        return MessagesFormat()

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write a line an example."""
        with file.open("wb", buffering=_BUFFER_BYTES) as out:
            for example in examples:
                out.write(self._line(example))

    def command(self, folder: Path, counts: Mapping[Split, Counts]) -> str:
        """Return TRL's command, which cuts no line: it shows the think block of every answer."""
        longest = max(count.longest_shown for count in counts.values())
        return (
            f"trl sft --model_name_or_path Qwen/Qwen3-4B --dataset_name {shlex.quote(str(folder))} "
            f"--assistant_only_loss true --max_length {longest} --output_dir build/trl"
        )

    def remarks(self, counts: Mapping[Split, Counts]) -> tuple[str, ...]:
        """Return what TRL makes of earlier answers, of answers without a trace and of earlier traces."""
        found = counts.get("train", Counts())
        plain = found.examples - found.thinking - found.soft_switch
        told = {
            f"{found.earlier_answers:,} answers of train stand before the turn that their line teaches; "
            f"{self._marked_how()}, and TRL learns every answer of a line": found.earlier_answers,
            f"{plain:,} answers of train have no trace; TRL learns their empty think block, which a version "
            "has in the prompt": plain,
            f"{found.soft_switch:,} answers of train to /no_think learn their empty think block; a line "
            "cannot tell them from answers that do not": found.soft_switch,
            f"{found.earlier_traces:,} traces of train stand before the last turn; TRL learns all of them, "
            "the prompts of a version show those since the last user turn": found.earlier_traces,
        }
        return tuple(sentence for sentence, number in told.items() if number)

    def _marked_how(self) -> str:
        return f"`{self.mark}` says so" if self.marked else "no mark says so"

    def _line(self, example: Example) -> bytes:
        """Return an example as a line; its tools are the version's own JSON text."""
        messages = orjson.dumps(self._turns(example.messages))
        if example.tools is None:
            return b'{"messages":%b}\n' % messages
        tools = example.tools.encode() if self.tools == "list" else orjson.dumps(example.tools)
        return b'{"messages":%b,"tools":%b}\n' % (messages, tools)

    def _turns(self, messages: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = []
        made = 0
        waiting: list[str] = []
        for place, message in enumerate(messages, start=1):
            turn: dict[str, Any] = {"role": message["role"], "content": message["content"]}
            if message["role"] == "assistant":
                if message["reasoning_content"] is not None:
                    turn["reasoning_content"] = message["reasoning_content"]
                if calls := message["tool_calls"]:
                    waiting = [f"call_{made + nth}" for nth in range(1, len(calls) + 1)]
                    made += len(calls)
                    turn["tool_calls"] = [
                        {"id": name, **call} for name, call in zip(waiting, calls, strict=True)
                    ]
                if self.marked:
                    learned = place == len(messages)
                    turn[self.mark] = int(learned) if self.mark == "weight" else learned
            elif message["role"] == "tool" and waiting:
                # responses stand in the order of their calls; one too many answers none
                turn["tool_call_id"] = waiting.pop(0)
            turns.append(turn)
        return turns
