"""Where a trained model stops: at the end of its turn, whatever the model it was made from stops at."""

import json
from collections.abc import Mapping
from pathlib import Path

from thinkmix.schemas.errors import TrainError

END = "<|im_end|>"
END_ID = 151_645
"""What every row ends with. Qwen3's base models stop at `<|endoftext|>`, which no row teaches."""

_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json")


def name_end(folder: Path) -> None:
    """Have everything in a model's folder that names an end of text name `<|im_end|>`.

    transformers and vLLM stop at the ids of generation_config.json, where those that the base stops at stay
    beside ours; other programs stop at that of config.json, or at the tokenizer's.

    Raises:
        TrainError: if a file that came with the base cannot be read.
    """
    config, generation = folder / "config.json", folder / "generation_config.json"
    said = [*_ids(read_settings(generation)), *_ids(read_settings(config))]
    _say(generation, eos_token_id=list(dict.fromkeys((END_ID, *said))))
    _say(config, eos_token_id=END_ID)
    for name in _TOKENIZER:
        path = folder / name
        if path.exists() and _content(read_settings(path).get("eos_token")) != END:
            _say(path, eos_token=END)


def _ids(settings: Mapping[str, object]) -> list[object]:
    said = settings.get("eos_token_id")
    return said if isinstance(said, list) else [] if said is None else [said]


def _content(token: object) -> object:
    """Return a special token's text, which tokenizers write bare or with its settings."""
    return token.get("content") if isinstance(token, dict) else token


def read_settings(path: Path) -> dict[str, object]:
    """Return what a file of settings in a model's folder says; nothing if it is not there.

    Raises:
        TrainError: if it is not an object of JSON.
    """
    try:
        found = json.loads(path.read_bytes()) if path.exists() else {}
    except ValueError as error:
        msg = f"{path.name}, as the base model has it, is not JSON: {error}"
        raise TrainError(msg) from error
    if not isinstance(found, dict):
        msg = f"{path.name}, as the base model has it, is not an object of JSON"
        raise TrainError(msg)
    return found


def write_settings(path: Path, settings: Mapping[str, object]) -> None:
    """Write a file of settings in their order."""
    path.write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _say(path: Path, **settings: object) -> None:
    """Change settings of a file, whose bytes stay if it has them already."""
    found = read_settings(path)
    if found != found | settings:
        write_settings(path, found | settings)
