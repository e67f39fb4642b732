"""Where rows come from: hubs and folders, each resolved to one commit and then fetched and verified.

A cache folder `into` holds, for each kind and dataset, `<kind>/<org>/<name>/<commit>/files/<path>`;
deleting any of it costs a download and nothing else. `contract` says what a kind is, `known` lists all.
"""

from pathlib import Path

from thinkmix.flows.sources.contract import Source
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.flows.sources.transfer import Progress, no_progress
from thinkmix.schemas.artifact import InputFile, Snapshot

__all__ = ["Patience", "Progress", "fetch", "resolve"]


def resolve(
    source: Source, *, base: Path, into: Path, verify: bool = True, patience: Patience = PATIENT
) -> Snapshot:
    """Return which files a source means right now, and at which commit; see `Source.resolve`."""
    return source.resolve(base=base, into=into, verify=verify, patience=patience)


def fetch(
    source: Source,
    snapshot: Snapshot,
    *,
    base: Path,
    into: Path,
    patience: Patience = PATIENT,
    progress: Progress = no_progress,
) -> tuple[InputFile, ...]:
    """Return the files of a snapshot on this machine, every one verified; see `Source.fetch`."""
    return source.fetch(snapshot, base=base, into=into, patience=patience, progress=progress)
