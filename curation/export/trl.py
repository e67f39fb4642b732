"""TRL: prompt and completion as text, without the line break that would make it train a second end token."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from thinkmix.curation.export.handoff import DATA, PLAN, block, room
from thinkmix.curation.export.reading import STOP, TokenRow, read_together
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.text_pairs import TextPairs
from thinkmix.schemas.manifest import Split

_CONFIG = "trl.yaml"


class Trl(TextPairs):
    """Prompt and completion as text without the last line break, and a config for `trl sft`."""

    name: ClassVar[str] = "trl"
    readers: ClassVar[str] = "`trl sft`, SFTTrainer"
    title: ClassVar[str] = "TRL"
    tested: ClassVar[str] = "trl 1.16.0"
    tool: ClassVar[str | None] = "trl"
    line_break: ClassVar[bool] = False
    pitfalls: ClassVar[Mapping[str, str]] = {
        "it appends its end token to a completion that does not end with it, and so trains two where a line "
        "break follows the first": "the line break after the end token is left out",
        "the end token of a base model is another one": "the config names `<|im_end|>`",
        "with all columns of a version, it renders `messages` and passes over prompt and completion": (
            "the files have the two columns alone; select them where you load a version yourself"
        ),
        "`max_length` cuts the answer of a longer row, 1,024 if it is not set": (
            "it is one more than the longest row has"
        ),
        "it refuses the template of Qwen3's first release for `assistant_only_loss`": "no template is used",
    }

    def file(self, split: Split) -> str:
        """Return the name of the file that holds a split."""
        return f"{DATA}/{split}.jsonl"

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the config."""
        held_out = "eval_strategy: epoch\n" if "eval" in counts else ""
        return {
            _CONFIG: block(f"""
                model_name_or_path: {json.dumps(self.model)}
                dataset_name: {DATA}
                completion_only_loss: true
                eos_token: "<|im_end|>"
                max_length: {room(counts)}
                use_peft: true
                lora_target_modules: all-linear
                lora_r: {PLAN.rank}
                lora_alpha: {PLAN.alpha}
                learning_rate: {PLAN.learning_rate}
                num_train_epochs: 1
                output_dir: trained
            """)
            + held_out
        }

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return its command."""
        return f"trl sft --config {_CONFIG}"

    def read(self, file: Path) -> Iterator[TokenRow]:
        """Yield rows as TRL has them: both texts encoded as one."""
        return read_together(self.pairs(file), end=STOP)
