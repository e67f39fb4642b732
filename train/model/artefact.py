"""The folder of a whole model, such that transformers 4.57, 5.x and servers on them read the same model.

What 5.x writes is misread by 4.57 without a word: it does not know `rope_parameters` and takes a base of
10,000 where Qwen3's is a million, and it cannot read the tokenizer's settings. So both spellings are
written, and the tokenizer's files are those that the base model came with.
"""

import json
import shutil
from pathlib import Path

from thinkmix.templates.chat.tokenizer import tokenizer_path
from thinkmix.train.model.ending import name_end, read_settings, write_settings
from thinkmix.train.model.loading import find_file
from thinkmix.train.model.names import TINY_RANDOM

_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
)

_PLACES = ("_name_or_path", "name_or_path", "tokenizer_file", "special_tokens_map_file")
"""Settings in which libraries note where they read a model, or read it once."""


def complete_model_folder(folder: Path, *, base: str, revision: str | None = None) -> None:
    """Write the other spelling of what config.json says, and add what the base ships beside its weights.

    Call this last after writing a whole model: it also has the model stop where its rows end, and removes
    every place on this machine.

    Args:
        folder: holds the weights and the config.json of the new model.
        base: the model that it was made from.
        revision: commit of a hub model.

    Raises:
        TrainError: if a file of the base cannot be read.
    """
    _spell_twice(folder / "config.json")
    if source := _file(base, "generation_config.json", revision):
        shutil.copyfile(source, folder / "generation_config.json")
    for name in _TOKENIZER:
        if source := _file(base, name, revision):
            shutil.copyfile(source, folder / name)
    lacks_all = not (folder / "tokenizer.json").exists()  # as tiny-random does
    for name in _TOKENIZER if lacks_all else ("tokenizer_config.json",):
        source = tokenizer_path().with_name(name)
        if source.is_file() and (lacks_all or not (folder / name).exists()):
            shutil.copyfile(source, folder / name)
    _forget_places(folder / "tokenizer_config.json")
    name_end(folder)


def spell_twice(config: dict[str, object]) -> dict[str, object]:
    """Return a model's config with everything that transformers renamed under its old and its new name."""
    both = dict(config)
    rope = both.get("rope_parameters")
    if isinstance(rope, dict):
        both.setdefault("rope_theta", rope.get("rope_theta"))
        scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
        both.setdefault("rope_scaling", None if rope.get("rope_type", "default") == "default" else scaling)
    elif "rope_theta" in both:
        stretched = both.get("rope_scaling")
        rope = stretched if isinstance(stretched, dict) else {"rope_type": "default"}
        both["rope_parameters"] = rope | {"rope_theta": both["rope_theta"]}
    if precision := both.get("dtype") or both.get("torch_dtype"):
        both |= {"dtype": precision, "torch_dtype": precision}
    return both


def _spell_twice(path: Path) -> None:
    config = spell_twice(read_settings(path))
    for name in ("quantization_config", *_PLACES):
        config.pop(name, None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _forget_places(path: Path) -> None:
    settings = read_settings(path)
    if found := settings.keys() & set(_PLACES):
        write_settings(path, {name: value for name, value in settings.items() if name not in found})


def _file(base: str, name: str, revision: str | None) -> Path | None:
    return None if base == TINY_RANDOM else find_file(base, name, revision=revision)
