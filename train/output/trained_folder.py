"""What a training run wrote, read back: nothing of it is believed before its digests are compared."""

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
        msg = f"{folder / MANIFEST} is not the manifest of a training run: {error.errors()[0]['msg']}"
        raise TrainError(msg) from error
    for name, expected in result.files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            msg = f"{folder / MANIFEST} names a file outside its folder ({plain(name, 80)}): train again"
            raise TrainError(msg)
        _compare(folder / name, expected)
    return result


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
