"""What axolotl's own command trains on."""

from collections.abc import Iterator
from pathlib import Path

_SHORT = {
    "lora_mlp_kernel": False,
    "lora_qkv_kernel": False,
    "lora_o_kernel": False,
    "attn_implementation": "sdpa",
    "bf16": False,
    "gradient_accumulation_steps": 1,
    "shuffle_merged_datasets": False,  # the order alone
    "save_strategy": "no",
    "eval_strategy": "no",
    "dataset_num_proc": 1,
}


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train, after `steps` steps."""
    import yaml
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets
    from axolotl.train import train

    *program, config = command
    assert program == ["axolotl", "train"], command
    given = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    given |= {**_SHORT, "base_model": model, "max_steps": max(steps, 1)}
    given.pop("test_datasets", None)
    Path("short.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
    settings = load_cfg("short.yaml")
    found = load_datasets(cfg=settings)
    rows = [(row["input_ids"], row["labels"]) for row in found.train_dataset]
    if steps:
        train(cfg=settings, dataset_meta=found)
    yield from rows
