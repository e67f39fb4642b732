"""What the script for FastChat's trainer trains on."""

from collections.abc import Iterator
from importlib import import_module


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train, after `steps` steps."""
    library = import_module("transformers")  # FastChat takes the Trainer from there when it is imported
    rows: Iterator[tuple[list[int], list[int]]] = import_module("transformers_rows").read_script(
        command, model, steps, library, "Trainer", names_model="--model_name_or_path"
    )
    return rows
