"""What the script for transformers' Trainer trains on: the rows that its collator hands to the model."""

import runpy
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_SHORT = (
    "--use_cpu true --report_to none --save_strategy no --per_device_train_batch_size 1 "
    "--gradient_accumulation_steps 1"
)


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train, after `steps` steps."""
    import transformers

    return read_script(command, model, steps, transformers, "Trainer")


def read_script(
    command: list[str],
    model: str,
    steps: int,
    library: ModuleType,
    trainer: str,
    *,
    names_model: str = "--model",
) -> Iterator[tuple[list[int], list[int]]]:
    """Run a script whose trainer is a class of a library, and yield what it trains on."""
    python, script, *given = command
    assert python == "python", command
    seen: list[Any] = []

    kind = getattr(library, trainer)
    train = kind.train

    def record(self: Any, *given: Any, **named: Any) -> Any:
        seen.append(self)
        return train(self, *given, **named) if steps else None

    kind.train = record
    sys.argv = [script, *given, *_SHORT.split(), "--max_steps", str(max(steps, 1)), names_model, model]
    runpy.run_path(script, run_name="__main__")
    (used,) = seen
    for row in used.train_dataset:
        batch = used.data_collator([row])
        yield batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
