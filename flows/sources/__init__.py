"""Where rows come from: hubs and folders, each resolved to one commit and then fetched and verified.

A cache folder `into` holds, for each hub and dataset, `<hub>/<org>/<name>/<commit>/files/<path>`;
deleting any of it costs a download and nothing else.
"""

from importlib.util import find_spec
from pathlib import Path

from thinkmix.flows.sources import local
from thinkmix.flows.sources.http import Opener
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.flows.sources.settings import HubSource, LocalSource, ModelScopeSource
from thinkmix.flows.sources.transfer import Progress, fetch_files, no_progress
from thinkmix.schemas.artifact import InputFile, Snapshot
from thinkmix.schemas.errors import SourceError

__all__ = ["Patience", "Progress", "fetch", "opener", "place", "resolve"]


def resolve(
    source: HubSource | ModelScopeSource | LocalSource,
    *,
    base: Path,
    into: Path,
    verify: bool = True,
    patience: Patience = PATIENT,
) -> Snapshot:
    """Return which files `source` means right now, and at which commit; reads no rows, downloads no files.

    Args:
        source: from the recipe.
        base: the recipe's folder, where local patterns start.
        into: cache folder of sources.
        verify: hash local files even if they look unchanged.
        patience: how often a hub is asked again.

    Raises:
        SourceError: the source cannot be read; its subclasses say why.
    """
    match source:
        case HubSource():
            from thinkmix.flows.sources import hub  # noqa: PLC0415 - the client takes as long to import as all the rest

            return hub.resolve(source, into=into, patience=patience)
        case ModelScopeSource():
            _need_modelscope(source.dataset)
            from thinkmix.flows.sources import modelscope  # noqa: PLC0415 - an extra

            return modelscope.resolve(source, into=into, patience=patience)
        case LocalSource():
            return local.resolve(source, base=base, into=into, verify=verify)


def fetch(
    source: HubSource | ModelScopeSource | LocalSource,
    snapshot: Snapshot,
    *,
    base: Path,
    into: Path,
    patience: Patience = PATIENT,
    progress: Progress = no_progress,
) -> tuple[InputFile, ...]:
    """Return the files of `snapshot` on this machine, every one verified, in the snapshot's order.

    Args:
        source: the source that `snapshot` was resolved from.
        snapshot: what to fetch.
        base: the recipe's folder, where local patterns start.
        into: cache folder of sources.
        patience: how often a hub is asked again for a file.
        progress: called with (name, bytes so far, bytes in all), one call at a time.

    Raises:
        SourceError: a file cannot be had with the bytes that were promised; on ModelScope a branch that
            moved since `resolve` is `SourceCorrupt`.
        StoreError: `into` cannot be written, or is full.
    """
    if isinstance(source, LocalSource):
        return local.fetch(source, snapshot, base=base, into=into, progress=progress)
    return fetch_files(
        snapshot,
        folder=place(source, snapshot, into=into).parent,
        opener=opener(source, snapshot),
        patience=patience,
        progress=progress,
    )


def opener(source: HubSource | ModelScopeSource, snapshot: Snapshot) -> Opener:
    """Return what asks a source's hub for one of the snapshot's files, from some byte on."""
    if isinstance(source, HubSource):
        from thinkmix.flows.sources import hub  # noqa: PLC0415 - the client takes as long to import as all the rest

        return hub.opener(snapshot)
    _need_modelscope(source.dataset)
    from thinkmix.flows.sources import modelscope  # noqa: PLC0415 - an extra

    return modelscope.opener(snapshot)


def place(source: HubSource | ModelScopeSource, snapshot: Snapshot, *, into: Path) -> Path:
    """Return the folder of a cache in which the snapshot's files lie once they are fetched."""
    return into / source.kind / snapshot.dataset / snapshot.commit / "files"


def _need_modelscope(dataset: str) -> None:
    if find_spec("modelscope_hub") is None:
        msg = f"{dataset}: ModelScope sources need one more package: pip install 'thinkmix[modelscope]'"
        raise SourceError(msg)
