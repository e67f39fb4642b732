"""What the script for AdapterHub's `adapters` trains on."""

from collections.abc import Iterator
from importlib import import_module


def read(command: list[str], model: str, steps: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield ids and labels of each row of train, after `steps` steps."""
    library = import_module("adapters")
    rows: Iterator[tuple[list[int], list[int]]] = import_module("transformers_rows").read_script(
        command, model, steps, library, "AdapterTrainer"
    )
    return rows
