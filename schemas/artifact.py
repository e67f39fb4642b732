"""What a source is made of: files that were promised, at one commit, and the files that lie on disk."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from thinkmix.schemas.files import safe_member
from thinkmix.schemas.patterns import SHA256
from thinkmix.schemas.record import Record

Sha256 = Annotated[str, Field(pattern=SHA256)]
GitOid = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Commit = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
"""A git commit, or a sha256 where the hub has no commits to show."""


def _member(path: str) -> str:
    if str(safe_member(path)) != path:
        msg = f"unsafe file name {path!r}"
        raise ValueError(msg)
    return path


MemberPath = Annotated[str, AfterValidator(_member)]
"""A relative path in its shortest form, which cannot leave the folder it is joined to."""


class RemoteFile(Record):
    """One file as its hub promises it: a name, a size in bytes and a digest of the content."""

    path: MemberPath
    size: int = Field(ge=0)
    sha256: Sha256 | None = None
    """LFS oid; absent for small files that lie in git itself."""
    blob_sha1: GitOid | None = None
    """Git's id of the content: sha1 over `blob SIZE`, NUL and the bytes."""
    stamp: tuple[int, int, int, int] | None = None
    """Of a local file: size, times of change in ns, and inode, before it was hashed; unset if it was written
    to so short a time before that a later write might leave the same."""

    @model_validator(mode="after")
    def _is_verifiable(self) -> Self:
        if self.sha256 is None and self.blob_sha1 is None:
            msg = f"{self.path} has no digest to verify it by"
            raise ValueError(msg)
        return self

    @property
    def digest(self) -> str:
        """Return what the content must hash to: the sha256 if there is one."""
        return self.sha256 or self.blob_sha1 or ""


class Snapshot(Record):
    """The files that a recipe selects from a dataset, at the one commit that its revision meant.

    Says nothing about where the files came from or lie, so it may go into a manifest.
    """

    dataset: str
    """Hub id, or the recipe's name for local files."""
    revision: str
    """What the recipe asked for: a branch, a tag or a commit."""
    commit: Commit
    """What it resolved to; for local files the digest of their names and contents."""
    files: tuple[RemoteFile, ...] = Field(min_length=1)
    """Sorted by path; no path twice."""
    matched: Mapping[str, int] = {}
    """How many of them each pattern of the recipe means."""

    @field_validator("files")
    @classmethod
    def _are_sorted(cls, files: tuple[RemoteFile, ...]) -> tuple[RemoteFile, ...]:
        ordered = tuple(sorted(files, key=lambda file: file.path))
        for one, other in pairwise(ordered):
            if one.path == other.path:
                msg = f"{one.path} is listed twice"
                raise ValueError(msg)
        return ordered

    @property
    def size(self) -> int:
        """Return the bytes of all files together."""
        return sum(file.size for file in self.files)


class InputFile(Record):
    """A file on this machine whose content was just verified."""

    name: MemberPath
    """Path inside the dataset: what lineage shows."""
    path: Path
    """Where it lies."""
    sha256: Sha256
    size: int = Field(ge=0)
    modified: int | None = None
    """Time of its last change, in ns, before it was hashed; unset for files that nobody else writes to."""


def digest_of(named: Iterable[tuple[str, str]]) -> str:
    """Return one sha256 over (name, digest) pairs in any order: the commit of sources that have none."""
    lines = sorted(f"{digest} {name}\0" for name, digest in named)
    return sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
