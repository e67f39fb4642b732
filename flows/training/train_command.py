"""The `thinkmix train` command that runs a plan: what is read of a plan's file, and a flag for all else."""

import shlex
from pathlib import Path

import yaml

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.estimate.shapes import QWEN3
from thinkmix.train.model.names import public_name

NO_VERSION = "VERSION"
"""Stands in a command for the mixture that nobody named yet."""


def train_command(plan: TrainPlan, *, model: str, version: Path | None, file: Path | None) -> str:
    """Return the command line that trains as a plan says.

    Args:
        plan: what is to be run; its fields that are no single values are those of `file`.
        model: a local folder or config.json, or the name of a published Qwen3.
        version: what to train on, as it was typed.
        file: the YAML file that the plan was read from, if it was.
    """
    trained = _model(model)
    words = ["thinkmix", "train", str(version or NO_VERSION), "--model", trained]
    words += ["--output", f"build/{public_name(trained).rpartition('/')[2]}-{plan.method}"]
    if file:
        words += ["--plan", str(file)]
    said = (yaml.safe_load(file.read_text(encoding="utf-8")) if file else None) or {}
    defaults = {name: field.default for name, field in TrainPlan.model_fields.items()}
    for name, value in plan.model_dump(mode="json").items():
        if isinstance(value, list | dict) or value is None or value == {**defaults, **said}[name]:
            continue
        flag = name.replace("_", "-")
        words += (
            [f"--{flag}" if value else f"--no-{flag}"]
            if isinstance(value, bool)
            else [f"--{flag}", str(value)]
        )
    return shlex.join(words)


def _model(name: str) -> str:
    """Return what the command trains: the folder of a config.json, or the hub id of a published Qwen3."""
    path = Path(name).expanduser()
    if path.exists():
        return str(path.parent if path.is_file() else path)
    if "/" in name:
        return name
    known = {size.lower(): size for size in QWEN3}
    bare = name.lower().removeprefix("qwen3-")
    return f"Qwen/{known.get(f'qwen3-{bare}', name if name.startswith('Qwen3-') else f'Qwen3-{name}')}"
