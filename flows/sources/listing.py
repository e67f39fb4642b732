"""The file list of a pinned commit, kept on disk for builds without a network: a commit never changes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import orjson

from thinkmix.flows.sources.disk import replace_with
from thinkmix.flows.sources.selection import Entry


class Stated(Protocol):
    """What a source says of a set on a hub."""

    @property
    def dataset(self) -> str:
        """Id on the hub."""

    @property
    def revision(self) -> str:
        """A commit, a branch or a tag."""

    @property
    def files(self) -> Sequence[str]:
        """Patterns of files."""


def recall_listing(folder: Path) -> tuple[Entry, ...] | None:
    """Return the list of files that was kept in `folder`, or None if it is missing or damaged."""
    try:
        digest, text = (folder / "tree.json").read_bytes().split(b"\n", 1)
    except (OSError, ValueError):
        return None
    if hashlib.sha256(text).hexdigest().encode() != digest:
        return None
    return tuple(Entry(*fields) for fields in orjson.loads(text))


def keep_listing(folder: Path, entries: Sequence[Entry]) -> None:
    """Keep the complete list of files of the commit that `folder` belongs to."""
    text = orjson.dumps([list(entry) for entry in entries])
    replace_with(folder / "tree.json", hashlib.sha256(text).hexdigest().encode() + b"\n" + text)


def is_commit(revision: str) -> bool:
    """Return whether a revision is a full commit, which never means anything else."""
    return len(revision) == 40 and not revision.strip("0123456789abcdef")
