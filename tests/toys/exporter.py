"""An exporter that ships nowhere: one JSON array a split, traces inline, turns under names of its own."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.version import Example
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.formats.messages import Messages
from thinkmix.schemas.manifest import Split


class Toy(Exporter):
    """Toy dialogues: a JSON array of objects with a `dialog`.

    For tests of what an exporter needs to be one.
    """

    name: ClassVar[str] = "toy"
    readers: ClassVar[str] = "nobody"
    held: ClassVar[Mapping[str, str]] = {"messages": "dialog", "tools": "tools", "id": "id"}
    left_out: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "source",
            "conversation_id",
            "turn",
            "thinking",
            "prompt",
            "completion",
            "prompt_tokens",
            "completion_tokens",
        ),
        "a toy has no room",
    )

    indent: int = 1
    """White space before each line."""

    @property
    def marked(self) -> bool:
        """Return that no answer says whether it is learned."""
        return False

    def file(self, split: Split) -> str:
        """Return the name of an array's file."""
        return f"toy-{split}.json"

    def row_format(self) -> Format:
        """Return the format `messages` with the column that it has here."""
        return Messages(messages="dialog")

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write all at once: toys are small."""
        rows = [
            {"id": one.id, "dialog": list(map(_turn, one.messages)), "tools": one.tools} for one in examples
        ]
        file.write_text(json.dumps(rows, ensure_ascii=False, indent=self.indent), encoding="utf-8")

    def command(self, folder: Path, counts: Mapping[Split, Counts]) -> str:
        """Return what plays with it."""
        return f"play {folder}"


def _turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    trace = turn["reasoning_content"]
    text = turn["content"] if trace is None else f"<think>\n{trace}\n</think>\n\n{turn['content']}"
    calls = {"tool_calls": turn["tool_calls"]} if turn["tool_calls"] else {}
    return {"speaker": turn["role"], "text": text, **calls}
