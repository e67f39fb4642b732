"""The files of a source: on this machine, each with its promised digest."""

from collections.abc import Sequence
from pathlib import Path

from thinkmix.curation.files.blob import Blob
from thinkmix.flows.build.jobs import Run
from thinkmix.flows.sources import fetch as fetch_files
from thinkmix.flows.sources.contract import Source
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.artifact import InputFile, Snapshot
from thinkmix.schemas.manifest import InputEntry, SourceEntry


def fetch(run: Run, source: Source, snapshot: Snapshot, base: Path) -> tuple[InputFile, ...]:
    """Return the snapshot's files on this machine, each with its promised digest."""
    arrived: dict[str, int] = {}

    def progress(name: str, done: int, total: int) -> None:
        arrived[name] = done
        run.notify(Event("fetch", source.name, sum(arrived.values()), snapshot.size, "bytes"))

    return fetch_files(source, snapshot, base=base, into=run.store.cache.downloads, progress=progress)


def blob_of(file: InputFile) -> Blob:
    """Return a file of a source as an argument of the work that reads it."""
    watched = (str(file.path), file.modified) if file.modified else None
    return Blob(file.path, file.sha256, watched=watched)


def origin(source: Source, snapshot: Snapshot, files: Sequence[InputFile]) -> SourceEntry:
    """Return what a manifest says of a source."""
    return SourceEntry(
        name=source.name,
        dataset=snapshot.dataset,
        revision=snapshot.revision,
        commit=snapshot.commit,
        licence=source.licence,
        format=source.format.model_dump(mode="json"),
        files=tuple(InputEntry(name=file.name, sha256=file.sha256, bytes=file.size) for file in files),
        matched=snapshot.matched,
    )
