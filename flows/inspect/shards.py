"""Files that are shards of one set, told by their names, and the pattern that means them and no other."""

from collections.abc import Iterable, Sequence
from glob import escape
from itertools import groupby
from pathlib import PurePosixPath

from thinkmix.flows.sources.patterns import match_names
from thinkmix.schemas.patterns import as_name

_GENERIC = frozenset(("", "data", "default", "part", "rows", "shard", "test", "train", "file", "chunk"))
"""Names of files and folders that tell nothing of what is in them."""


def families(names: Iterable[str]) -> list[list[str]]:
    """Return names in groups that differ in digits alone, each sorted."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(_masked(name), []).append(name)
    return list(found.values())


def patterns(family: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return patterns that mean the files of a family, and of all names no other."""
    listed = list(names)
    if len(family) == 1:
        return list(family)
    mask = _masked(escape(family[0]))
    for pattern in (mask.replace("*-of-*", "*"), mask):
        if sorted(match_names(pattern, listed)) == sorted(family):
            return [pattern]
    return list(family)


def title(family: Sequence[str]) -> str:
    """Return what a family is called: its files without shard numbers, or the nearest folder with a name."""
    path = PurePosixPath(family[0])
    stem = path.name.partition(".")[0]
    if len(family) > 1:
        stem = _masked(stem).replace("*", " ")
    elif _numbered(stem):
        stem = stem.rpartition("-of-")[0].rstrip("0123456789")
    own = stem.removesuffix(" -of- ").strip(" -_")
    others = (folder for folder in reversed(path.parts[:-1]))
    return next((name for name in (own, *others) if name.casefold() not in _GENERIC and as_name(name)), own)


def _numbered(stem: str) -> bool:
    before, of, after = stem.rpartition("-of-")
    return bool(of) and after.isdigit() and before[-1:].isdigit()


def _masked(name: str) -> str:
    """Return a path with `*` for each run of digits in the name of its file, if there are several."""
    folder, slash, file = name.rpartition("/")
    stem, dot, rest = file.partition(".")
    runs = groupby(stem, key=str.isdigit)
    return f"{folder}{slash}{''.join('*' if is_digit else ''.join(run) for is_digit, run in runs)}{dot}{rest}"
