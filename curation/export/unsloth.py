"""unsloth: token ids, and a script that trains with its models and its SFTTrainer."""

import json
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import PLAN, block, room
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows
from thinkmix.schemas.manifest import Split

_SCRIPT = "train.py"


class Unsloth(TokenRows):
    """Token ids as parquet, and a script that trains them with unsloth."""

    name: ClassVar[str] = "unsloth"
    readers: ClassVar[str] = "unsloth's FastLanguageModel and SFTTrainer"
    title: ClassVar[str] = "unsloth"
    tested: ClassVar[str] = "unsloth 2026.10.7"
    tool: ClassVar[str | None] = "unsloth"
    pitfalls: ClassVar[Mapping[str, str]] = {
        "its notebooks render whole conversations and learn the questions, too": "the labels are ours",
        "it appends the end token of the tokenizer to a completion: after `<|im_end|>` a base model learns "
        "`<|endoftext|>`, too": "rows with `labels` are not tokenised again",
        "`train_on_responses_only` looks for the headers of answers in the ids, and trains earlier ones": (
            "leave it out: a row masks all but the answer that it teaches"
        ),
        "it needs a GPU, even to be imported": "the README of `pretokenised` or `hf-trainer` trains on a CPU",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script."""
        held_out = ', eval_dataset=rows["eval"]' if "eval" in counts else ""
        files = {split: self.file(split) for split in counts}
        text = block(f'''
            """Train a LoRA adapter with unsloth on the rows beside this file."""

            from unsloth import FastLanguageModel  # before the others, which it changes
            from datasets import load_dataset
            from trl import SFTConfig, SFTTrainer

            LENGTH = {room(counts)}  # one more than the longest row has: no row is cut

            rows = load_dataset("parquet", data_files={json.dumps(files)})
            model, tokenizer = FastLanguageModel.from_pretrained(
                {json.dumps(self.model)}, max_seq_length=LENGTH, load_in_4bit=False
            )
            model = FastLanguageModel.get_peft_model(
                model, r={PLAN.rank}, lora_alpha={PLAN.alpha}, random_state={PLAN.seed},
                target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            )
            trainer = SFTTrainer(
                model=model, processing_class=tokenizer, train_dataset=rows["train"]{held_out},
                args=SFTConfig(
                    output_dir="trained", max_length=LENGTH, num_train_epochs=1, packing=False,
                    per_device_train_batch_size=1, gradient_accumulation_steps=8,
                    learning_rate={PLAN.learning_rate}, seed={PLAN.seed % 2**31},
                ),
            )
            trainer.train()
            trainer.save_model()
        ''')
        return {_SCRIPT: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the script."""
        return f"python {_SCRIPT}"
