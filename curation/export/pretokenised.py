"""Token ids and labels for any trainer that takes rows as they are."""

import shlex
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import DATA, PLAN, room
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows
from thinkmix.schemas.manifest import Split


class Pretokenised(TokenRows):
    """Token ids and labels as parquet: `input_ids` and `labels`, -100 where nothing is learned."""

    name: ClassVar[str] = "pretokenised"
    readers: ClassVar[str] = "TRL, transformers; any trainer that takes `input_ids` and `labels`"
    title: ClassVar[str] = "trainers of token ids"
    tested: ClassVar[str] = "trl 1.16.0"
    tool: ClassVar[str | None] = "trl"
    pitfalls: ClassVar[Mapping[str, str]] = {
        "a trainer of text may render, mask or end it in its own way": "the rows are ids and labels",
        "ids belong to one tokenizer": "it is that of the Qwen3 text models; export.json names the template",
        "a trainer that packs rows may let them attend to each other": (
            "packing is the trainer's: see docs/training.md for what was measured"
        ),
        "a maximum length cuts the end of longer rows": "name at least one more than the longest row has",
    }

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return TRL's command, which cuts no row."""
        return (
            f"trl sft --model_name_or_path {shlex.quote(self.model)} --dataset_name {DATA} "
            f"--max_length {room(counts)} --use_peft true "
            f"--lora_target_modules all-linear --lora_r {PLAN.rank} --lora_alpha {PLAN.alpha} "
            f"--learning_rate {PLAN.learning_rate} --num_train_epochs 1 --output_dir trained"
        )
