"""What a path means that a person names: a store, a mixture, a version, or the rows of a failed run."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.locks import shared_lock
from thinkmix.flows.store.log import FAILED
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import NotFound, StoreCorrupt, ThinkmixError


def open_version(path: Path) -> Path:
    """Return the version folder that `path` means: itself, or the current one of a mixture folder.

    Raises:
        NotFound: if it is neither a version nor a mixture, or no version of the mixture was ever current.
        StoreCorrupt: if the version has lost its manifest, or the mixture its CURRENT.
    """
    if (path / MANIFEST).is_file():
        return path
    if current := Store(path.parent).versions.current(path.name):
        if (current / MANIFEST).is_file():
            return current
        msg = f"{path / 'CURRENT'} points to {current.name}, which is not there"
        raise StoreCorrupt(msg)
    if path.is_dir() and path.resolve().parent.name == "versions":
        msg = f"{path} is damaged: it has no {MANIFEST}"
        raise StoreCorrupt(msg)
    if any((path / sign).exists() for sign in ("versions", "runs.jsonl")):
        raise _without_current(path)
    msg = f"{path} is neither a version (no {MANIFEST}) nor a mixture (no CURRENT)"
    raise NotFound(msg + _mixtures_beside(path))


def _without_current(mixture: Path) -> ThinkmixError:
    """Return what it means that a mixture has no CURRENT: it was lost, or no version was ever current."""
    if any(run.get("status") == "published" for run in Store(mixture.parent).log.runs(mixture.name)):
        return StoreCorrupt(
            f"{mixture} has lost its CURRENT; build again, or approve a version by its digest"
        )
    return NotFound(f"no version of {mixture} is current yet: thinkmix report {mixture} says why")


def _mixtures_beside(path: Path) -> str:
    """Return which mixtures could have been meant, in words; nothing where there are none."""
    with suppress(OSError):
        if known := Store(path.parent).mixtures():
            return f"; {path.parent} holds {', '.join(known)}"
    return ""


def open_rows(path: Path) -> Path:
    """Return the folder whose rows `path` means: a version, or a failed run.

    A mixture's folder means its current version, or its newest failed run if no version is current.

    Raises:
        NotFound: if there is neither.
    """
    if (path / FAILED).is_file():
        return path
    if not (path / "CURRENT").exists() and (failed := sorted(path.glob(f"runs/*/{FAILED}"))):
        return failed[-1].parent
    return open_version(path)


@contextmanager
def reading(path: Path) -> Iterator[Path]:
    """Yield the version folder that `path` means; nobody collects it while it is read.

    Args:
        path: a version's folder, or a mixture's folder for its current version.

    Raises:
        NotFound: as `open_version` does.
        StoreCorrupt: as `open_version` does.
    """
    while True:  # until a version could be blocked: one that was collected first is no longer current
        folder = open_version(path)
        with shared_lock(folder / MANIFEST) as there:
            if there:
                yield folder
                return


@contextmanager
def reading_rows(path: Path) -> Iterator[Path]:
    """Yield the folder whose rows `path` means, see `open_rows`; nobody collects a version meanwhile.

    Raises:
        NotFound: if there is none.
    """
    folder = open_rows(path)
    if (folder / FAILED).is_file():
        yield folder
        return
    with reading(path) as version:
        yield version


def store_of(path: Path) -> tuple[Store, str | None]:
    """Return the store that `path` means, and the mixture if it is a mixture's folder.

    Raises:
        NotFound: if it is neither.
    """
    path = path.resolve()
    if path.name in Store(path.parent).mixtures():
        return Store(path.parent), path.name
    if (path / ".cache").is_dir() or Store(path).mixtures():
        return Store(path), None
    msg = f"{path} is neither a store nor a mixture's folder"
    raise NotFound(msg)


def home(version: Path) -> Store | None:
    """Return the store in which a version's folder lies; None for a copy of it elsewhere."""
    mixture = version.resolve().parent.parent
    known = any((mixture / sign).is_file() for sign in ("CURRENT", "runs.jsonl"))
    return Store(mixture.parent) if known and (mixture.parent / ".cache").is_dir() else None
