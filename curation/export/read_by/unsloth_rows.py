"""What unsloth's SFTTrainer trains on: its function that prepares the rows, run without a GPU.

`import unsloth` fails without one; `unsloth_zoo`, which holds the function, does not if it is told that
unsloth imports it.
"""

import os
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train."""
    os.environ["UNSLOTH_IS_PRESENT"] = "1"
    prepare = import_module("unsloth_zoo.dataset_utils").sft_prepare_dataset
    from datasets import load_dataset
    from transformers import AutoTokenizer

    assert command == ["python", "train.py"], command
    assert not steps, "unsloth trains on GPUs alone"
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = load_dataset("parquet", data_files={"train": "data/train.parquet"})["train"]
    trainer = SimpleNamespace(data_collator=None, model=None)
    length = max(map(len, rows["input_ids"])) + 1
    args = SimpleNamespace(max_length=length, dataset_text_field="text", dataset_num_proc=1)
    for row in prepare(trainer, rows, tokenizer, args, False, None, "train"):
        batch = trainer.data_collator([row])
        yield batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
