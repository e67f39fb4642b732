"""The one language of file patterns, whatever kind of source they are for: that of Python's `glob`.

`*`, `?` and `[abc]` stay inside a folder, `**` stands for any folders or none, and none of them matches a
leading dot. A pattern that is the exact name of a file means that file alone.
"""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from glob import has_magic

from thinkmix.schemas.files import kind_of

_COMPARED = 2000
_SHOWN = 5


def match_names(pattern: str, names: Iterable[str]) -> list[str]:
    """Return which of the names a pattern means."""
    listed = list(names)
    if pattern in listed:
        return [pattern]
    parts = pattern.removeprefix("./").split("/")
    return [name for name in listed if _matches(name.split("/"), parts)]


def match_across_folders(pattern: str, names: Iterable[str]) -> list[str]:
    """Return which names a pattern would mean if `*` crossed folders."""
    return [name for name in names if fnmatchcase(name, pattern) or fnmatchcase(name, f"*/{pattern}")]


def nearest(pattern: str, names: Iterable[str]) -> str:
    """Return up to five of the names in words, those that can be read first, the most alike first."""
    listed = sorted(names, key=lambda name: (kind_of(name) is None, name))
    if not listed:
        return "no files at all"
    compared = SequenceMatcher(b=pattern, autojunk=False)

    def unlike(name: str) -> tuple[bool, float]:
        compared.set_seq1(name)
        return kind_of(name) is None, -compared.ratio()

    shown = sorted(listed[:_COMPARED], key=unlike)[:_SHOWN]
    more = f" and {len(listed) - len(shown)} more" if len(listed) > len(shown) else ""
    return ", ".join(map(repr, shown)) + more


def _matches(name: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the parts of a name match those of a pattern."""
    reached = {0}  # how much of the name the pattern so far may have taken
    for part in pattern:
        if part == "**":
            reached = {end for start in reached for end in _ends(name, start)}
        else:
            reached = {start + 1 for start in reached if start < len(name) and _fits(name[start], part)}
    return len(name) in reached


def _ends(name: Sequence[str], start: int) -> Iterable[int]:
    """Yield how far `**` may reach from a part of a name on: up to the first hidden part."""
    yield start
    for place in range(start, len(name)):
        if name[place].startswith("."):
            return
        yield place + 1


def _fits(name: str, pattern: str) -> bool:
    if not has_magic(pattern):
        return name == pattern
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
