"""What an address of the workspace means: a mixture, a version or a failed run of the store.

No part of an address is joined to a path before it is found among the names that the store lists.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import Request

from thinkmix.flows.runs.diff import find_version
from thinkmix.flows.store.log import FAILED
from thinkmix.flows.store.paths import reading_rows
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import NotFound

_HEX = frozenset("0123456789abcdef")


def store_of(request: Request) -> Store:
    """Return the store that the workspace shows."""
    found: Store = request.app.state.store
    return found


def mixture_named(store: Store, name: str) -> Path:
    """Return the folder of a mixture.

    Raises:
        NotFound: if the store has none of this name.
    """
    if name not in store.mixtures():
        msg = f"this store has no mixture {name!r}"
        raise NotFound(msg)
    return store.root / name


def version_named(store: Store, mixture: str, name: str) -> Path:
    """Return the folder of a version, by the first digits of its digest or as `current`.

    Raises:
        NotFound: if no version, or more than one, is meant.
        StoreCorrupt: if `current` points to no version.
    """
    folder = mixture_named(store, mixture)
    if name == "current":
        return find_version(folder)
    if not name or not set(name) <= _HEX:
        msg = f"{name!r} is not the beginning of a version's digest"
        raise NotFound(msg)
    return find_version(folder / name)


def run_named(store: Store, mixture: str, name: str) -> Path:
    """Return the folder of a run that still has its page.

    Raises:
        NotFound: if the store has nothing of this name.
    """
    folder = mixture_named(store, mixture) / "runs"
    known = {path.name: path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else {}
    if name not in known:
        msg = f"the page of this run of {mixture} is gone; its line in the list of runs stays"
        raise NotFound(msg)
    return known[name]


@contextmanager
def rows_named(store: Store, mixture: str, name: str) -> Iterator[Path]:
    """Yield the folder of the version or failed run whose rows are meant; nobody collects it meanwhile.

    Raises:
        NotFound: if the store has nothing of this name.
    """
    if name.startswith("run-"):
        folder = run_named(store, mixture, name.removeprefix("run-"))
        if not (folder / FAILED).is_file():
            msg = "this run made a version; its rows are those of the version"
            raise NotFound(msg)
    else:
        folder = version_named(store, mixture, name)
    with reading_rows(folder) as rows:
        yield rows
