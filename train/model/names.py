"""What a model is called: on this machine, and in files that leave it, which never name a place on it."""

from pathlib import Path

from thinkmix.schemas.errors import TrainError

TINY_RANDOM = "tiny-random"
"""Name of the model that needs no weights: Qwen3's architecture and vocabulary, 9.8 million parameters."""


def local_folder(model: str) -> Path | None:
    """Return the folder that a model lies in, or None for a hub id and for `tiny-random`."""
    folder = Path(model).expanduser()
    return folder if model != TINY_RANDOM and folder.is_dir() else None


def hub_id(model: str) -> str | None:
    """Return the id under which anybody finds a model, or None for one that only this machine has."""
    return None if model == TINY_RANDOM or local_folder(model) else model


def check_name(model: str) -> None:
    """Refuse a name that is neither a folder, nor `tiny-random`, nor one that a hub could know.

    Raises:
        TrainError: saying what may be named.
    """
    if (name := hub_id(model)) and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        msg = f"model {model}: no such folder, and no hub id (owner/name) or {TINY_RANDOM}"
        raise TrainError(msg)


def public_name(model: str) -> str:
    """Return what published files call a model: `tiny-random`, a hub id, or the name of a folder."""
    folder = local_folder(model)
    return folder.resolve().name if folder else model
