"""FastChat: token ids, and a script that hands them to its trainer in place of its own rows."""

import json
import shlex
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import PLAN, block, room
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows
from thinkmix.schemas.manifest import Split

_SCRIPT = "train.py"


class FastChat(TokenRows):
    """Token ids as parquet, and a script that hands them to FastChat's trainer in place of conversations."""

    name: ClassVar[str] = "fastchat"
    readers: ClassVar[str] = "FastChat's `train.py`"
    title: ClassVar[str] = "FastChat"
    tested: ClassVar[str] = "fschat 0.2.36"
    tool: ClassVar[str | None] = "fschat"
    pitfalls: ClassVar[Mapping[str, str]] = {
        "`train.py` renders conversations as Vicuna's, and trains nothing of Qwen3's": "the rows are ids",
        "`train_with_template.py` adds a system turn, never trains `<|im_end|>`, and gives a row without a "
        "system turn that of the row before it": f"`{_SCRIPT}` replaces what reads rows alone",
        "with torch 2.13 it cannot save weights that FSDP does not shard": f"`{_SCRIPT}` saves them itself",
        "it fails with transformers 5": "install `transformers==4.57.6`",
        "it trains whole models, no adapters": "name a rate for that with `--learning_rate`",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script."""
        files = {split: self.file(split) for split in counts}
        held_out = 'rows["eval"]' if "eval" in counts else "None"
        text = block(f'''
            """Train with FastChat on the rows in data; its other options may be given."""

            from datasets import load_dataset
            from fastchat.train import train
            from transformers import DataCollatorForSeq2Seq


            def rows_of_the_mixture(tokenizer, data_args):
                rows = load_dataset("parquet", data_files={json.dumps(files)})
                tokenizer.pad_token = "<|endoftext|>"
                collator = DataCollatorForSeq2Seq(tokenizer)  # pads ids, mask and labels (-100)
                return dict(train_dataset=rows["train"], eval_dataset={held_out}, data_collator=collator)


            train.make_supervised_data_module = rows_of_the_mixture
            train.trainer_save_model_safe = lambda trainer: trainer.save_model()
            train.train()
        ''')
        return {_SCRIPT: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the script with the settings of FastChat."""
        return (
            f"python {_SCRIPT} --model_name_or_path {shlex.quote(self.model)} "
            f"--model_max_length {room(counts)} --num_train_epochs 1 --learning_rate 1e-5 "
            f"--per_device_train_batch_size 1 --gradient_accumulation_steps 8 --seed {PLAN.seed % 2**31} "
            "--output_dir trained"
        )
