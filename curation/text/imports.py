"""Imports that libraries try on their own, and that cost more than all that is done with them here."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Absent:
    """An import hook to which one module, and what is inside it, does not exist."""

    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if f"{name}.".startswith(f"{self._module}."):
            msg = f"{name} is not needed here"
            raise ModuleNotFoundError(msg, name=name)
        return None


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Let whoever imports `module` for the first time find that it is not installed."""
    hook = _Absent(module)
    sys.meta_path.insert(0, hook)
    try:
        yield
    finally:
        sys.meta_path.remove(hook)


@contextmanager
def without_gc() -> Iterator[None]:
    """Let modules be imported without looking for garbage meanwhile: a tenth of the time that it takes."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def arrow_without_pandas() -> None:
    """Let Arrow believe, from now on in this process, that there is no pandas.

    It looks once, when it meets the first Python value, whether that is a pandas one: importing pandas
    takes longer than most shards. For processes that are ours alone: `to_pandas` does not work in them.
    """
    with absent("pandas"):
        import pyarrow as pa  # noqa: PLC0415 - only where there is Arrow to steer

        pa.scalar(0)
