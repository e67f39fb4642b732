"""Stanford Alpaca: rendered texts as instruction and output, and a script without its prompt."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import orjson

from thinkmix.curation.export.handoff import PLAN, block, room
from thinkmix.curation.export.reading import STOP, Pair, TokenRow, read_together
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.text_pairs import TextPairs
from thinkmix.curation.export.version import Example
from thinkmix.schemas.manifest import Split

_SCRIPT = "train_as_is.py"


class Alpaca(TextPairs):
    """Rendered texts as `instruction` and `output` in one JSON array, and a script without a prompt."""

    name: ClassVar[str] = "alpaca"
    readers: ClassVar[str] = "Stanford Alpaca's `train.py`, and trainers of its rows that add no prompt"
    title: ClassVar[str] = "Stanford Alpaca"
    line_break: ClassVar[bool] = False
    held: ClassVar[Mapping[str, str]] = {
        "prompt": "instruction, beside an empty input",
        "completion": "output, without the end token: the trainer appends it",
    }
    pitfalls: ClassVar[Mapping[str, str]] = {
        "it puts a prompt of its own around each instruction": f"`{_SCRIPT}` replaces it by the text itself",
        "it appends the end token of the tokenizer to every output": (
            "outputs have no end token; give a base model a tokenizer whose end token is `<|im_end|>`"
        ),
        "`model_max_length` cuts rows, at 512 if it is not given": "it is one more than the longest row has",
        "it has no release and names versions of 2023": "its code runs with transformers 4 alone",
    }

    def file(self, split: Split) -> str:
        """Return the name of an array's file."""
        return f"{split}.json"

    def row(self, example: Example) -> dict[str, Any]:
        """Return an example as an instruction and an output."""
        return {"instruction": example.prompt, "input": "", "output": self.completion(example)}

    def pair(self, row: Mapping[str, Any]) -> Pair:
        """Return instruction and output."""
        return row["instruction"], row["output"]

    def completion(self, example: Example) -> str:
        """Return a completion without its end token."""
        return example.completion.removesuffix("\n").removesuffix(STOP)

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write an array, a row a line."""
        with file.open("wb") as out:
            for before, example in zip(chain([b"[\n"], iter(lambda: b",\n", b"")), examples, strict=False):
                out.write(before + orjson.dumps(self.row(example)))
            out.write(b"\n]\n")

    def pairs(self, file: Path) -> Iterator[Pair]:
        """Yield the two texts of each line between the brackets."""
        with file.open("rb") as lines:
            for line in lines:
                if line not in {b"[\n", b"]\n"}:
                    yield self.pair(orjson.loads(line.rstrip(b",\n")))

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield rows as the trainer has them: both texts encoded as one, and the end token after them."""
        return read_together(self.pairs(file), end=STOP)

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script."""
        text = block('''
            """Train with Stanford Alpaca's train.py, which must be on PYTHONPATH, without its prompt."""

            import train

            train.PROMPT_DICT = {"prompt_input": "{instruction}", "prompt_no_input": "{instruction}"}
            train.train()
        ''')
        return {_SCRIPT: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the command, for a checkout of stanford_alpaca that `ALPACA` names."""
        return (
            f'env PYTHONPATH="$ALPACA" python {_SCRIPT} --model_name_or_path {shlex.quote(self.model)} '
            f"--data_path {self.file('train')} --model_max_length {room(counts)} --num_train_epochs 1 "
            f"--learning_rate 1e-5 --per_device_train_batch_size 1 --gradient_accumulation_steps 8 "
            f"--seed {PLAN.seed % 2**31} --output_dir trained"
        )
