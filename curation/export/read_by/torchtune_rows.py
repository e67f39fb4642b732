"""What torchtune's recipes train on: the dataset of the config, padded by its collator."""

from collections.abc import Iterator


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train; no release has a module for Qwen3 that could train."""
    from omegaconf import OmegaConf
    from torchtune import config
    from torchtune.data import CROSS_ENTROPY_IGNORE_IDX, padded_collate_sft

    assert command[-2] == "--config", command
    assert not steps, "torchtune has no Qwen3 to train"
    rows = config.instantiate(OmegaConf.load(command[-1]).dataset, None)
    for place in range(len(rows)):
        batch = padded_collate_sft([rows[place]], ignore_idx=CROSS_ENTROPY_IGNORE_IDX)
        yield batch["tokens"][0].tolist(), batch["labels"][0].tolist()
