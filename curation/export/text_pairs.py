"""What exports of rendered text share: a JSON object a line, read back as two texts."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar

import orjson

from thinkmix.curation.export.handoff import Handoff
from thinkmix.curation.export.reading import Pair, TokenRow, read_apart
from thinkmix.curation.export.version import Example
from thinkmix.schemas.errors import LedgerError

_BUFFER_BYTES = 1 << 20


class TextPairs(Handoff):
    """Rendered prompt and completion in the words of one trainer."""

    held: ClassVar[Mapping[str, str]] = {"prompt": "prompt", "completion": "completion"}
    left_out: ClassVar[Mapping[str, str]] = {
        "id": "line N of a file is row N of its split in the version",
        "source": "as id",
        "conversation_id": "as id",
        "turn": "as id",
        "thinking": "as id",
        "messages": "the trainer would render them by itself",
        "tools": "the prompt holds them",
        "prompt_tokens": "the trainer counts",
        "completion_tokens": "as prompt_tokens",
    }

    def row(self, example: Example) -> dict[str, Any]:
        """Return an example as the JSON object of its line."""
        return {"prompt": example.prompt, "completion": self.completion(example)}

    def pair(self, row: Mapping[str, Any]) -> Pair:
        """Return the two texts that the trainer takes from a line."""
        return row["prompt"], row["completion"]

    def completion(self, example: Example) -> str:
        """Return a completion as the form has it: with the line break after its end token, or without."""
        return example.completion if self.line_break else example.completion.removesuffix("\n")

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write a line an example."""
        with file.open("wb", buffering=_BUFFER_BYTES) as out:
            for example in examples:
                out.write(orjson.dumps(self.row(example), option=orjson.OPT_APPEND_NEWLINE))

    def check(self, examples: Iterable[Example], file: Path) -> None:
        """Compare the two texts of each line with those of its example.

        Raises:
            LedgerError: naming the first line that differs, is missing or is surplus.
        """
        for number, (example, found) in enumerate(zip_longest(examples, self.pairs(file))):
            if example is None or found != (example.prompt, self.completion(example)):
                of = "a surplus line" if example is None else f"example {example.id}"
                msg = f"{file.name} row {number}, {of}, reads back differently: a bug in Thinkmix"
                raise LedgerError(msg)

    def pairs(self, file: Path) -> Iterator[Pair]:
        """Yield the two texts of each line."""
        with file.open("rb") as lines:
            for line in lines:
                yield self.pair(orjson.loads(line))

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield rows as a trainer has them that encodes the two texts apart."""
        return read_apart(self.pairs(file))
