"""Rendered text, for trainers that must neither render nor mask."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import ClassVar, Literal

import orjson

from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.reading import STOP, TokenRow, read_together
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.version import Example
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.manifest import Split

_BUFFER_BYTES = 1 << 20


class Rendered(Exporter):
    """Rendered prompt and completion: a JSON object a line, with the two texts that the version trains on.

    A line is an example, in the published order. A trainer that learns the completion alone learns what the
    version learns. TRL appends its end token unless the completion ends with it, so the line break after the
    end token is left out; with it, TRL trains a second end token.
    """

    name: ClassVar[str] = "rendered"
    readers: ClassVar[str] = "TRL; any trainer of prompt-completion pairs that applies no template"
    line_break: ClassVar[bool] = False
    held: ClassVar[Mapping[str, str]] = {"prompt": "prompt", "completion": "completion"}
    left_out: ClassVar[Mapping[str, str]] = {
        "id": "line N of a file is row N of its split in the version",
        "source": "as id",
        "conversation_id": "as id",
        "turn": "as id",
        "thinking": "as id",
        "messages": "TRL trains on messages in place of the texts if a file has both",
        "tools": "the prompt holds them",
        "prompt_tokens": "the trainer counts",
        "completion_tokens": "as prompt_tokens",
    }

    final_newline: Literal["drop", "keep"] = "drop"
    """Whether a completion keeps the line break after its end token, which the model's template writes."""

    @property
    def marked(self) -> bool:
        """Return that the completion alone is learned."""
        return True

    def row_format(self) -> None:
        """Return nothing: the texts are rendered, and hold no turns to read."""

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write a line an example."""
        with file.open("wb", buffering=_BUFFER_BYTES) as out:
            for example in examples:
                out.write(orjson.dumps(self._texts(example), option=orjson.OPT_APPEND_NEWLINE))

    def check(self, examples: Iterable[Example], file: Path) -> None:
        """Compare each line with the texts of its example.

        Raises:
            LedgerError: naming the first line that differs, is missing or is surplus.
        """
        with file.open("rb") as lines:
            for number, (example, line) in enumerate(zip_longest(examples, lines)):
                if example is None or line is None or orjson.loads(line) != self._texts(example):
                    of = "a surplus line" if example is None else f"example {example.id}"
                    msg = f"{file.name} row {number}, {of}, reads back differently: a bug in Thinkmix"
                    raise LedgerError(msg)

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield rows as TRL has them, which appends an end token to a completion without one at its end."""
        with file.open("rb") as lines:
            rows = map(orjson.loads, lines)
            yield from read_together(((row["prompt"], row["completion"]) for row in rows), end=STOP)

    def command(self, folder: Path, counts: Mapping[Split, Counts]) -> str:
        """Return TRL's command, which cuts no line."""
        longest = max(count.longest for count in counts.values())
        return (
            f"trl sft --model_name_or_path Qwen/Qwen3-4B --dataset_name {shlex.quote(str(folder))} "
            f"--completion_only_loss true --max_length {longest} --output_dir build/trl"
        )

    def _texts(self, example: Example) -> dict[str, str]:
        completion = example.completion
        if self.final_newline == "drop":
            completion = completion.removesuffix("\n")
        return {"prompt": example.prompt, "completion": completion}
