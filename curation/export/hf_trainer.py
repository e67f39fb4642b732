"""Plain transformers: token ids, and a script that trains an adapter with its Trainer."""

import json
import shlex
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import PLAN, block
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows
from thinkmix.schemas.manifest import Split

SCRIPT = "train.py"

PITFALLS: Mapping[str, str] = {
    "it renders and masks nothing: a script that tokenises text alone learns the prompts, too": (
        "labels are -100 throughout the prompt"
    ),
    "packed rows see each other if there is an attention mask of ones, or a cache": (
        "the script pads rows, and packs none"
    ),
    "it cuts no row, so a row that is too long for the memory ends the run": (
        "the recipe's `max_tokens` bounds the rows; `thinkmix plan` says what fits"
    ),
}
"""What holds wherever transformers' Trainer trains."""


class HfTrainer(TokenRows):
    """Token ids as parquet, and a script that trains an adapter with the Trainer of transformers."""

    name: ClassVar[str] = "hf-trainer"
    readers: ClassVar[str] = "transformers' Trainer; any script that takes `input_ids` and `labels`"
    title: ClassVar[str] = "the Trainer of transformers"
    tested: ClassVar[str] = "transformers 5.23.0"
    tool: ClassVar[str | None] = "transformers"
    pitfalls: ClassVar[Mapping[str, str]] = PITFALLS

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script."""
        held_out = ', eval_dataset=rows["eval"]' if "eval" in counts else ""
        files = {split: self.file(split) for split in counts}
        text = block(f'''
            """Train a LoRA adapter on the rows in data; every option of TrainingArguments may be given."""

            from dataclasses import dataclass

            from datasets import load_dataset
            from peft import LoraConfig, get_peft_model
            from transformers import (
                AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, HfArgumentParser, Trainer,
                TrainingArguments,
            )


            @dataclass
            class Place:
                model: str = {json.dumps(self.model)}


            place, args = HfArgumentParser((Place, TrainingArguments)).parse_args_into_dataclasses()
            rows = load_dataset("parquet", data_files={json.dumps(files)})
            tokenizer = AutoTokenizer.from_pretrained(place.model)
            model = get_peft_model(
                AutoModelForCausalLM.from_pretrained(place.model, dtype="auto"),
                LoraConfig(
                    task_type="CAUSAL_LM", target_modules="all-linear", r={PLAN.rank}, lora_alpha={PLAN.alpha}
                ),
            )
            trainer = Trainer(
                model=model, args=args, train_dataset=rows["train"]{held_out},
                data_collator=DataCollatorForSeq2Seq(tokenizer),  # pads ids, mask and labels (-100)
            )
            trainer.train()
            trainer.save_model()
        ''')
        return {SCRIPT: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the script with its settings."""
        return f"python {self.settings()}"

    def words(self, counts: Mapping[Split, Counts]) -> list[str]:
        """Return the script as one process runs it: what starts several reads the same rows."""
        return shlex.split(f"python {self.settings()}")

    def settings(self) -> str:
        """Return the script and its settings, without what starts it."""
        return (
            f"{SCRIPT} --output_dir trained --num_train_epochs 1 --learning_rate {PLAN.learning_rate} "
            f"--per_device_train_batch_size 1 --gradient_accumulation_steps 8 --seed {PLAN.seed % 2**31}"
        )
