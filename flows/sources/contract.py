"""What a source kind is: what a recipe says of it, and how its files are named, fetched and verified."""

from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import ClassVar, NamedTuple

from pydantic import JsonValue

from thinkmix.curation.validate.source import SourceBase
from thinkmix.flows.sources.http import Opener
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.flows.sources.transfer import Progress, fetch_files, no_progress
from thinkmix.flows.store.digests import digest
from thinkmix.schemas.artifact import InputFile, RemoteFile, Snapshot


class Matches(NamedTuple):
    """The files on this machine that a source means."""

    paths: Mapping[str, Path]
    """By name, sorted by it."""
    matched: Mapping[str, int]
    """How many files each pattern means."""


class Listed(NamedTuple):
    """What a word on the command line names: a source with all its files, for `thinkmix init`."""

    source: "Source"
    """Pinned to what was listed."""
    title: str
    """What people call it: its last part, after `/`, names the source."""
    sizes: Mapping[str, int]
    """Bytes of each file."""


class Address(NamedTuple):
    """What must answer for sources of a kind, for `thinkmix doctor`."""

    name: str
    url: str | None
    """Unset if the user keeps the program from asking."""
    variable: str
    """The variable of the environment that names another one."""


class Source(SourceBase):
    """Where rows lie. Its fields are what a recipe may say of it besides how rows are read.

    To add one, write its class in a file of this folder, and add it to `known.py`. Its docstring is what
    people read of it. What takes long to import is imported where it is used: every recipe imports
    every kind.

    A kind on another machine states `resolve` and `opener`; the cache, resumed transfers and verification are
    here. A kind on this machine states `matches`, `resolve` and `fetch`.
    """

    on_hub: ClassVar[bool] = False
    """Whether `dataset` is an id on the Hugging Face Hub: model cards link to it."""

    kind: str
    """What a recipe calls it."""

    def resolve(
        self, *, base: Path, into: Path, verify: bool = True, patience: Patience = PATIENT
    ) -> Snapshot:
        """Return which files are meant right now, and at which commit; reads no rows, downloads no files.

        What it learns of a commit that never changes it keeps in `into`, for builds without a network. Its
        `dataset` is a name of two parts, `one/two`, unless its files are on this machine.

        Args:
            base: the recipe's folder, where local patterns start.
            into: cache folder of sources.
            verify: hash local files even if they look unchanged.
            patience: how often another machine is asked again.

        Raises:
            SourceError: the source cannot be read; its subclasses say why.
        """
        raise NotImplementedError

    def opener(self, snapshot: Snapshot) -> Opener:
        """Return what asks for one of the snapshot's files, from some byte on."""
        raise NotImplementedError

    def matches(self, base: Path) -> Matches | None:
        """Return the files if they are on this machine, none of them read; None if on another one."""
        return None

    def fetch(
        self,
        snapshot: Snapshot,
        *,
        base: Path,
        into: Path,
        patience: Patience = PATIENT,
        progress: Progress = no_progress,
    ) -> tuple[InputFile, ...]:
        """Return the files of a snapshot on this machine, every one verified, in the snapshot's order.

        Args:
            snapshot: what to fetch.
            base: the recipe's folder, where local patterns start.
            into: cache folder of sources.
            patience: how often another machine is asked again for a file.
            progress: called with (name, bytes so far, bytes in all), one call at a time.

        Raises:
            SourceError: a file cannot be had with the bytes that were promised; on ModelScope a branch that
                moved since `resolve` is `SourceCorrupt`.
            StoreError: `into` cannot be written, or is full.
        """
        return fetch_files(
            snapshot,
            folder=self.place(snapshot, into=into).parent,
            opener=self.opener(snapshot),
            patience=patience,
            progress=progress,
        )

    def place(self, snapshot: Snapshot, *, into: Path) -> Path:
        """Return the folder of a cache in which the snapshot's files lie once they are fetched."""
        return into / self.kind / snapshot.dataset / snapshot.commit / "files"

    def present(self, snapshot: Snapshot, *, base: Path, into: Path, notes: Path) -> tuple[InputFile, ...]:
        """Return those of a snapshot's files that are on this machine already, for `thinkmix build --plan`.

        None is hashed that has a sha256: a build verifies them before it reads them.

        Args:
            snapshot: which files are meant.
            base: the recipe's folder, where local patterns start.
            into: cache folder of sources, in which nothing is written.
            notes: a copy of what the cache knows of files, in which anything may be written.
        """
        held = self.fetched(snapshot, into=into)
        return tuple(
            InputFile(name=file.path, path=path, sha256=file.sha256 or digest(path), size=file.size)
            for file in snapshot.files
            if (path := held.get(file.path))
        )

    def fetched(self, snapshot: Snapshot, *, into: Path) -> dict[str, Path]:
        """Return the snapshot's files that a cache holds, by name; of each only its size was checked."""
        folder = self.place(snapshot, into=into)
        return {
            file.path: folder / file.path for file in snapshot.files if _has_size(folder / file.path, file)
        }

    def own(self) -> dict[str, JsonValue]:
        """Return what the recipe says of where the rows lie, as far as it is not the default."""
        mine = type(self).model_fields.keys() - SourceBase.model_fields.keys() - {"kind"}
        return self.model_dump(mode="json", include=mine, exclude_defaults=True)

    @property
    def asked(self) -> tuple[str, ...]:
        """Return which files the recipe asks for, in its own words."""
        return ()

    @classmethod
    def name_of_kind(cls) -> str:
        """Return what a recipe calls the kind."""
        return str(cls.model_fields["kind"].default)

    @classmethod
    def sentence(cls) -> str:
        """Return where its rows lie."""
        return " ".join(cleandoc(cls.__doc__ or "").split())

    @classmethod
    def listed(cls, text: str, *, into: Path, patience: Patience) -> Listed | None:
        """Return what a word on the command line names; None if it names no source of this kind.

        Raises:
            SourceError: if it does and cannot be read.
        """
        return None

    @classmethod
    def address(cls) -> Address | None:
        """Return what must answer for all sources of this kind, if it is one address that can be asked."""
        return None


def _has_size(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size
