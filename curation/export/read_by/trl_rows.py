"""What TRL's own command trains on: the rows that its collator hands to the model."""

from collections.abc import Iterator
from typing import Any

_SHORT = {
    "--per_device_train_batch_size": "1",
    "--use_cpu": "true",
    "--bf16": "false",
    "--save_strategy": "no",
    "--eval_strategy": "no",
    "--report_to": "none",
}


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train, after `steps` steps."""
    import trl
    from trl.scripts.sft import main, make_parser

    assert command[:2] == ["trl", "sft"], command
    seen: list[Any] = []

    class Recorder(trl.SFTTrainer):  # type: ignore[misc]
        def train(self, *given: Any, **named: Any) -> Any:
            seen.append(self)
            return super().train(*given, **named) if steps else None

    trl.SFTTrainer = Recorder
    words = {**_SHORT, "--model_name_or_path": model, "--max_steps": str(max(steps, 1))}
    main(
        *make_parser().parse_args_and_config(
            [*command[2:], *(word for pair in words.items() for word in pair)]
        )
    )
    (trainer,) = seen
    for row in trainer.train_dataset:
        batch = trainer.data_collator([row])
        yield batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
