"""What LLaMA-Factory's own command trains on."""

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_SHORT = {
    "per_device_train_batch_size": 1,
    "report_to": "none",
    "save_strategy": "no",
    "overwrite_cache": True,
}


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train, after `steps` steps."""
    import yaml

    if find_spec("torchaudio") is None:  # imported whatever is trained; it is published for CUDA alone
        sys.modules["torchaudio"] = ModuleType("torchaudio")
        sys.modules["torchaudio"].__spec__ = ModuleSpec("torchaudio", None)
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer
    from llamafactory.train.tuner import run_exp

    *program, config = command
    assert program == ["llamafactory-cli", "train"], command
    given = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    given |= {**_SHORT, "model_name_or_path": model, "max_steps": max(steps, 1)}
    places, data, training, tuning, _ = get_train_args(dict(given))
    tokens = load_tokenizer(places)
    template = get_template_and_fix_tokenizer(tokens["tokenizer"], data)
    trained = get_dataset(template, places, data, training, stage=tuning.stage, **tokens)["train_dataset"]
    rows = [(row["input_ids"], row["labels"]) for row in trained]
    if steps:
        run_exp(dict(given))
    yield from rows
