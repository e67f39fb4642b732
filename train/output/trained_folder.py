"""What a training run wrote, read back: nothing of it is believed before its digests are compared."""

from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path

from pydantic import ValidationError

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.plain import plain
from thinkmix.train.output.result import MANIFEST, TrainResult


def read_trained(folder: Path) -> TrainResult:
    """Return the manifest of a training run whose every file is what the manifest says.

    Raises:
        TrainError: if there is no run in `folder`, or a file of it is missing or changed.
    """
    try:
        result = TrainResult.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        msg = f"{folder} is not a training run: {MANIFEST} cannot be read ({error.strerror})"
        raise TrainError(msg) from error
    except ValidationError as error:
        fields = ", ".join(sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]}))
        msg = f"{folder / MANIFEST} is not the manifest of a training run: {fields or 'not JSON'}"
        raise TrainError(msg) from error
    for name, expected in result.files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            msg = f"{folder / MANIFEST} names a file outside its folder ({plain(name, 80)}): train again"
            raise TrainError(msg)
        _compare(folder / name, expected)
    return result


def digests_of(folder: Path) -> Mapping[str, str]:
    """Return the sha256 of every file in a folder but its manifest, as `read_trained` compares them."""
    digests = {}
    for path in sorted(folder.iterdir()):
        if path.name != MANIFEST:
            with path.open("rb") as file:
                digests[path.name] = file_digest(file, "sha256").hexdigest()
    return digests


def check_own_model(folder: Path) -> None:
    """Refuse a whole model of ours with a file that is no longer what its manifest says.

    Other programs' folders have no manifest. In folders that earlier releases merged it is that of the
    adapter, and names no file of the model.

    Raises:
        TrainError: as `read_trained` does.
    """
    if not (folder / MANIFEST).is_file():
        return
    try:
        told = TrainResult.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        told = None  # `read_trained` says what is wrong with it
    if told is None or "config.json" in told.files:
        read_trained(folder)


def _compare(path: Path, expected: str) -> None:
    way_out = "copy the folder again, or train again"
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}), and {MANIFEST} names it: {way_out}"
        raise TrainError(msg) from error
    if found != expected:
        msg = f"{path} is damaged: its sha256 is {found[:12]}, {MANIFEST} says {expected[:12]}: {way_out}"
        raise TrainError(msg)
