"""What ms-swift's own command trains on."""

from collections.abc import Iterator

_SHORT = (
    "--per_device_train_batch_size 1 --report_to none --torch_dtype float32 --use_hf true --model_type qwen3 "
    "--dataset_shuffle false --load_from_cache_file false --save_strategy no --eval_strategy no"
)


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train, after `steps` steps."""
    from swift.pipelines.train.sft import SwiftSft

    assert command[:2] == ["swift", "sft"], command
    given = [*command[2:], *_SHORT.split(), "--model", model, "--max_steps", str(max(steps, 1))]
    pipeline = SwiftSft(given)
    trained, _ = pipeline._prepare_dataset()
    rows = [trained[place] for place in range(len(trained))]
    if steps:
        pipeline.main()
    for row in rows:
        yield row["input_ids"], row["labels"]
