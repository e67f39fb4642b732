"""Patterns of what people write into recipes, each with the words that say it without a pattern."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
REPO_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"
REVISION = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$"
ROWS_IN = r"^[^.]+(\.[^.]+)*$"
SHA256 = r"^[0-9a-f]{64}$"
LAYER = r"^[A-Za-z0-9_.]{1,128}$"

IN_WORDS: Mapping[str, str] = {
    NAME: "a name: small letters, digits, - and _; at most 64; the first is a letter or a digit",
    REPO_ID: "an id of a hub: organisation/name, of letters, digits, '.', - and _",
    REVISION: "a commit, a branch or a tag: letters, digits, '.', -, _ and /; at most 96",
    ROWS_IN: "keys joined by dots, as in `result.items`",
    SHA256: "a sha256: 64 digits and small letters from a to f",
    LAYER: "the name of a layer: letters, digits, '.' and _; at most 128",
}
"""What fits each pattern."""

Name = Annotated[str, Field(pattern=NAME)]
"""A name that is safe as a folder and as a column value."""

RowsIn = Annotated[str, Field(pattern=ROWS_IN, max_length=1024)]
"""Keys of JSON objects, joined by dots."""

Pattern = Annotated[str, Field(min_length=1, max_length=1024)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=1000)]
"""Patterns of file names: `*`, `?` and `[abc]` stay inside a folder, `**` crosses folders."""

Line = Annotated[str, Field(max_length=2000)]
"""Words for people."""

_LONGEST = 64


def as_name(text: str) -> str:
    """Return text as a name that fits `NAME`, or nothing if no letter or digit is left."""
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return "-".join(filter(None, plain.split("-")))[:_LONGEST].rstrip("-")


def refuse_twice(kind: str, names: Sequence[str]) -> None:
    """Refuse a name that stands for two things of a kind.

    Raises:
        ValueError: with the names, and what to do.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = f"{kind} names must be unique, got {', '.join(twice)} twice: rename one"
        raise ValueError(msg)
