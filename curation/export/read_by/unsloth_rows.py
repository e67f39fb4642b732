"""What unsloth's SFTTrainer trains on: the function that prepares its rows, run without a GPU.

`import unsloth` fails without one, so the function is compiled out of its file.
"""

import ast
import typing
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_FUNCTIONS = ("sft_prepare_dataset", "_iterable_batch_size")


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train."""
    from datasets import load_dataset
    from transformers import AutoTokenizer

    assert command == ["python", "train.py"], command
    assert not steps, "unsloth trains on GPUs alone"
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = load_dataset("parquet", data_files={"train": "data/train.parquet"})["train"]
    trainer = SimpleNamespace(data_collator=None, model=None)
    length = max(map(len, rows["input_ids"])) + 1
    args = SimpleNamespace(max_length=length, dataset_text_field="text", dataset_num_proc=1)
    prepared = _function()(trainer, rows, tokenizer, args, False, None, "train")
    for row in prepared:
        batch = trainer.data_collator([row])
        yield batch["input_ids"][0].tolist(), batch["labels"][0].tolist()


def _function() -> Any:
    import torch
    from datasets import Dataset, IterableDataset

    found = find_spec("unsloth_zoo")
    assert found is not None, "unsloth_zoo is not installed"
    assert found.submodule_search_locations, found
    source = (Path(found.submodule_search_locations[0]) / "dataset_utils.py").read_text(encoding="utf-8")
    wanted: list[ast.stmt] = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name in _FUNCTIONS
    ]
    names: dict[str, Any] = {
        **vars(typing),
        "torch": torch,
        "Dataset": Dataset,
        "IterableDataset": IterableDataset,
    }
    exec(compile(ast.Module(wanted, []), "dataset_utils.py", "exec"), names)  # noqa: S102 - unsloth's own code
    return names["sft_prepare_dataset"]
