"""Alpaca-LoRA: rendered texts as instruction and output, and a template of its Prompter that adds nothing."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from thinkmix.curation.export.handoff import PLAN, room
from thinkmix.curation.export.reading import STOP, Pair, TokenRow, read_together
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.text_pairs import TextPairs
from thinkmix.curation.export.version import Example
from thinkmix.schemas.manifest import Split

_TEMPLATE = "as_is"


class AlpacaLora(TextPairs):
    """Rendered texts as `instruction` and `output`, and a template for the Prompter that adds nothing."""

    name: ClassVar[str] = "alpaca-lora"
    readers: ClassVar[str] = "Alpaca-LoRA's `finetune.py`"
    title: ClassVar[str] = "Alpaca-LoRA"
    line_break: ClassVar[bool] = False
    held: ClassVar[Mapping[str, str]] = {"prompt": "instruction", "completion": "output"}
    pitfalls: ClassVar[Mapping[str, str]] = {
        "its templates put a prompt around each instruction": f"`templates/{_TEMPLATE}.json` adds nothing",
        "it appends the end token of the tokenizer where an output does not end with it": (
            "outputs end with `<|im_end|>`; give a base model a tokenizer whose end token that is"
        ),
        "it learns the instructions, too": "the command says `--train_on_inputs False`",
        "`cutoff_len` cuts rows, at 256 if it is not given": "it is one more than the longest row has",
        "`finetune.py` names a function that peft has removed, and loads Llama alone": (
            "its data code works; train with another tool, or mend these two lines"
        ),
    }

    def row(self, example: Example) -> dict[str, Any]:
        """Return an example as an instruction and an output."""
        return {"instruction": example.prompt, "input": "", "output": self.completion(example)}

    def pair(self, row: Mapping[str, Any]) -> Pair:
        """Return instruction and output."""
        return row["instruction"], row["output"]

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield rows as the trainer has them: both texts encoded as one, the first one masked."""
        return read_together(self.pairs(file), end=STOP)

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the template."""
        template = {
            "description": "Adds nothing: the instruction is a rendered prompt.",
            "prompt_input": "{instruction}",
            "prompt_no_input": "{instruction}",
            "response_split": "<|im_start|>assistant\n",
        }
        return {f"templates/{_TEMPLATE}.json": json.dumps(template, indent=2) + "\n"}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the command, for a checkout of alpaca-lora that `ALPACA_LORA` names."""
        return (
            f'python "$ALPACA_LORA/finetune.py" --base_model {shlex.quote(self.model)} '
            f"--data_path {self.file('train')} --prompt_template_name {_TEMPLATE} --train_on_inputs False "
            f"--cutoff_len {room(counts)} --val_set_size 0 --lora_r {PLAN.rank} --lora_alpha {PLAN.alpha} "
            f"--num_epochs 1 --learning_rate {PLAN.learning_rate} --output_dir trained"
        )
