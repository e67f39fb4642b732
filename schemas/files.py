"""Names of files: which can be read, by the one table of extensions, and which stay inside their folder."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal

Kind = Literal["parquet", "json", "table"]

_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        ".parquet": "parquet",
        ".jsonl": "json",
        ".ndjson": "json",
        ".json": "json",
        ".csv": "table",
        ".tsv": "table",
    }
)
LINES = (".jsonl", ".ndjson")
"""Extensions of files that should hold one row a line; the content decides where it is clear."""

PACKED = (".gz", ".zst")
"""Extensions that may follow, but not that of parquet; the first bytes decide how a file is packed."""

READABLE = f"{', '.join([*_KINDS][:-1])} and {[*_KINDS][-1]}, all but .parquet also as {' or '.join(PACKED)}"
"""The table in words."""


def kind_of(name: str) -> Kind | None:
    """Return how the rows of a file are written, or None if its name has no extension that is known."""
    kind = _KINDS.get(extension_of(name))
    packed = PurePosixPath(name).suffix.lower() in PACKED
    return None if kind == "parquet" and packed else kind


def extension_of(name: str) -> str:
    """Return the extension in small letters, without that of packing."""
    path = PurePosixPath(name)
    if path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path.suffix.lower() if path.suffix else ""


def safe_member(path: str) -> PurePosixPath:
    """Return `path` if it stays inside the folder it is joined to.

    Raises:
        ValueError: for absolute paths, the folder itself, `..`, backslashes and control characters.
    """
    member = PurePosixPath(path)
    if (
        not member.parts
        or member.is_absolute()
        or ".." in member.parts
        or "\\" in path
        or not path.isprintable()
    ):
        msg = f"unsafe file name {path!r}"
        raise ValueError(msg)
    return member
