"""Where a run works until its output is whole: a hidden folder beside the output, locked while it runs."""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thinkmix.schemas.errors import TrainError

_CHECKPOINTS = "checkpoints"
_RESULT = "result"


def refuse_used(output: Path) -> None:
    """Refuse to write over anything.

    Raises:
        TrainError: if `output` exists and is no empty folder.
    """
    if _used(output):
        _sweep(output)
        msg = f"{output} exists already: name a new folder, or remove it"
        raise TrainError(msg)


@contextmanager
def workspace(output: Path, *, restart: bool) -> Iterator[Path]:
    """Give the folder that a run with this `output` works in: `.NAME.partial` beside it.

    It is removed when the run ends, however it ends, unless it holds checkpoints from which the next run
    with the same output can go on.

    Args:
        output: folder that the run will publish.
        restart: whether to drop checkpoints that are there.

    Raises:
        TrainError: if another run is writing the same output, or has written it, or it cannot be made.
    """
    folder = _beside(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{output} cannot be made ({error.strerror}): name another folder with --output"
        raise TrainError(msg) from error
    with (folder / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another run is writing {output}: wait for it, or name another output"
            raise TrainError(msg) from error
        refuse_used(output)
        if restart:
            shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
        try:
            yield folder
        finally:
            if _used(output) or not any(folder.glob(f"{_CHECKPOINTS}/*-*")):
                shutil.rmtree(folder, ignore_errors=True)


def checkpoints_of(output: Path) -> Path:
    """Return where the checkpoints of a run with this `output` lie while it lasts."""
    return _beside(output) / _CHECKPOINTS


@contextmanager
def atomic_output(output: Path, work: Path) -> Iterator[Path]:
    """Give an empty folder in `work` that becomes `output` if everything goes well, and is removed if not."""
    folder = work / _RESULT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
        for path in (*folder.rglob("*"), folder):
            set_mode(path)
            sync(path)
        folder.rename(output)
        sync(output.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beside(output: Path) -> Path:
    return output.parent / f".{output.name}.partial"


def _sweep(output: Path) -> None:
    """Remove what a run left behind that was killed just after `output` was whole."""
    folder = _beside(output)
    if folder.is_dir():
        with (folder / "lock").open("w") as handle, suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _used(output: Path) -> bool:
    return output.exists() and not (output.is_dir() and not any(output.iterdir()))


def set_mode(path: Path) -> None:
    """Give a file the mode that the umask gives to new ones; a folder keeps its own.

    safetensors writes for its owner alone, and a server often runs as another user.

    Raises:
        OSError: if the disk refuses.
    """
    if path.is_file() and stat.S_IMODE(path.stat().st_mode) != (mode := _mode_of_new(path.parent)):
        path.chmod(mode)


def _mode_of_new(folder: Path) -> int:
    """Return the mode of a new file. Reading the umask would change it for a moment, for all threads."""
    probe = folder / ".mode"
    probe.unlink(missing_ok=True)
    probe.touch()
    try:
        return stat.S_IMODE(probe.stat().st_mode)
    finally:
        probe.unlink()


def sync(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on the disk.

    Raises:
        OSError: if the disk refuses.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
