"""The files of evaluations, of this machine or of the hub; a dataset that cannot be had ends no build."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from thinkmix.curation.decontaminate.settings import Benchmark, Decontamination
from thinkmix.flows.sources import local
from thinkmix.flows.sources.hub_source import HubSource
from thinkmix.flows.sources.patience import Patience
from thinkmix.schemas.artifact import InputFile, Snapshot
from thinkmix.schemas.errors import RecipeError, SourceDenied, SourceError, SourceNotFound, SourceUnavailable
from thinkmix.schemas.formats.auto import Auto

_PATIENCE = Patience(tries=2)
"""Less than for sources: a build can do without an evaluation that nobody requires."""


_ROWS = 20
"""Rows of each file that are read before a dataset is believed."""
_ANY_SIZE = 2**31


class NotScanned(NamedTuple):
    """A benchmark whose questions cannot be had now."""

    name: str
    why: str


Asked = Sequence[Snapshot | NotScanned]
"""What each benchmark of a recipe is now, in its order; a snapshot has the name of the benchmark."""


def resolve(
    plan: Decontamination, *, base: Path, into: Path, verify: bool = True, there: Path | None = None
) -> Asked:
    """Return which files each benchmark's questions lie in; those of a hub are downloaded.

    A gated dataset shows its files to everybody and keeps what they hold, so that only the download tells.

    Args:
        plan: its benchmarks.
        base: the recipe's folder.
        into: cache folder of sources.
        verify: hash local files even if they look unchanged.
        there: cache folder to look at instead of downloading; what it does not hold is not scanned.

    Raises:
        SourceError: if a local file, or a dataset that is required, cannot be had.
    """
    asked: list[Snapshot | NotScanned] = []
    silent = False
    for benchmark in plan.benchmarks:
        if benchmark.dataset is None:
            asked.append(local.resolve(benchmark, base=base, into=into, verify=verify))
        elif silent and not benchmark.require:
            asked.append(NotScanned(benchmark.name, "the hub does not answer"))
        else:
            try:
                asked.append(_from_hub(benchmark, base, into, there))
            except SourceError as error:
                if benchmark.require:
                    raise
                silent = silent or isinstance(error, SourceUnavailable)
                asked.append(NotScanned(benchmark.name, reason(error)))
    return asked


def reason(error: SourceError) -> str:
    """Return in a few words why a benchmark is not scanned."""
    match error:
        case SourceDenied():
            return "gated"
        case SourceNotFound():
            return "not found"
        case SourceUnavailable():
            return "the hub does not answer"
        case _:
            return "its files cannot be read"


def fetch(benchmark: Benchmark, snapshot: Snapshot, *, base: Path, into: Path) -> tuple[InputFile, ...]:
    """Return a benchmark's files on this machine, verified."""
    if benchmark.dataset is None:
        return local.fetch(benchmark, snapshot, base=base, into=into)
    whole = snapshot.model_copy(update={"dataset": benchmark.dataset})
    return source_of(benchmark).fetch(whole, base=base, into=into, patience=_PATIENCE)


def source_of(benchmark: Benchmark) -> HubSource:
    """Return a benchmark of the hub as a source."""
    assert benchmark.dataset is not None, "a benchmark of the hub"
    return HubSource(
        name=benchmark.name,
        dataset=benchmark.dataset,
        revision=benchmark.revision,
        files=benchmark.files,
        format=Auto(),  # rows of a benchmark are read by their fields alone
    )


def commits(asked: Asked) -> dict[str, str]:
    """Return the commit of each benchmark that can be scanned, as a manifest states it."""
    return {one.dataset: one.commit for one in asked if isinstance(one, Snapshot)}


def not_scanned(asked: Asked) -> dict[str, str]:
    """Return why each of the others cannot be."""
    return {one.name: one.why for one in asked if isinstance(one, NotScanned)}


def _from_hub(benchmark: Benchmark, base: Path, into: Path, there: Path | None) -> Snapshot | NotScanned:
    source = source_of(benchmark)
    found = source.resolve(base=base, into=into, patience=_PATIENCE)
    if there is not None:
        held, mine = (source.place(found, into=folder) for folder in (there, into))
        if not all((held / file.path).is_file() for file in found.files):
            return NotScanned(benchmark.name, "not downloaded yet")
        mine.parent.mkdir(parents=True, exist_ok=True)
        if not mine.exists():
            mine.symlink_to(held.resolve())
    snapshot = found.model_copy(update={"dataset": benchmark.name})
    files = fetch(benchmark, snapshot, base=base, into=into)
    return _unread(benchmark, files) or snapshot


def _unread(benchmark: Benchmark, files: Sequence[InputFile]) -> NotScanned | None:
    """Return why a dataset is not scanned whose first rows do not hold what is said of them.

    Raises:
        RecipeError: if it is required.
    """
    # reading rows takes longer to import than all that a build without a change does
    from thinkmix.curation.decontaminate.asked import questions_of  # noqa: PLC0415
    from thinkmix.curation.files.blob import Blob  # noqa: PLC0415
    from thinkmix.curation.read.read import first_rows, slices  # noqa: PLC0415

    for file in files:
        piece = slices(file.name, Blob(file.path, file.sha256), benchmark.rows)[0]
        for row in first_rows(piece, _ROWS, max_row_bytes=_ANY_SIZE):
            try:
                questions_of(benchmark, file.name, row)
            except RecipeError:
                if benchmark.require:
                    raise
                return NotScanned(benchmark.name, f"{file.name} has no text in its field")
    return None
