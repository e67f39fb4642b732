"""From a version to files that another trainer reads, proven against the version before they appear."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from thinkmix.curation.export import known
from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.record import MANIFEST, Counter, Counts, Export
from thinkmix.curation.export.version import Version
from thinkmix.curation.tables import FLAGS
from thinkmix.flows.recipe import recipe_errors
from thinkmix.flows.store import digests
from thinkmix.flows.store.digests import digest
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.paths import reading
from thinkmix.flows.store.versions import problems
from thinkmix.flows.system.progress import Event, Notify, silent
from thinkmix.schemas.errors import (
    LedgerError,
    NotFound,
    RecipeError,
    StoreCorrupt,
    StoreError,
    StoreFull,
    ThinkmixError,
    TrainError,
)
from thinkmix.schemas.manifest import SPLITS, FileEntry, Manifest, Split
from thinkmix.train.output.atomic_output import atomic_output, refuse_used, workspace

_TOLD_EVERY = 500

Item = TypeVar("Item")

_FLAGS = dict.fromkeys(FLAGS, "exports hold what is trained on; see `thinkmix show --flag`")
"""Why exports do not hold the columns that rules add to a version, where one is on."""


def exporter(name: str, options: Mapping[str, object]) -> Exporter:
    """Return the exporter of a name with its options.

    Raises:
        RecipeError: if there is no such exporter, or it has no such option or value.
    """
    kind = known.exporter(name)
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        told = "; ".join(recipe_errors.lines(error, options, kind, whole=name))
        msg = f"options of {name}: {told}"
        raise RecipeError(msg) from None


def export(
    version: Path,
    *,
    to: Exporter,
    output: Path,
    splits: Sequence[Split] = SPLITS,
    notify: Notify = silent,
) -> Export:
    """Write a version, whose every byte was verified just now, in the form of an exporter.

    Each file is read back and compared with the version row by row. `output` appears whole or not at all: a
    file a split, and export.json. The same version and exporter write the same bytes.

    Args:
        version: a version's folder, or a mixture's folder for its current version.
        to: the exporter with its options.
        output: new folder.
        splits: what to export; a split without rows has no file.
        notify: is told how far it got.

    Raises:
        NotFound: if there is no such version, or it has no row of these splits.
        RecipeError: if `output` is there already, or the exporter is not for these splits.
        StoreCorrupt: if the version is not what its manifest says.
        StoreError: if `output` cannot be written.
        LedgerError: if a file does not say what the version says.
    """
    _refuse_used(output)
    with reading(version) as folder:
        found = open_verified(folder)
        named = [split for split in splits if split in to.splits]
        if not named:
            msg = f"{to.name} is for {' and '.join(to.splits)} alone: name another --split"
            raise RecipeError(msg)
        wanted = [split for split in named if found.rows(split)]
        if not wanted:
            msg = f"{folder.name} has no rows of {' or '.join(named)}; it holds {_held(found)}"
            raise NotFound(msg)
        with (
            _sentences(output),
            workspace(output, restart=True) as work,
            atomic_output(output, work) as written,
        ):
            counts = {split: _write(found, split, to, written / to.file(split), notify) for split in wanted}
            beside = _write_files(to, counts, written)
            told = Export(
                exporter=to.name,
                options=to.model_dump(mode="json"),
                mixture=found.manifest.mixture,
                mixture_digest=folder.name,
                content_sha256=found.manifest.content_sha256,
                template=found.manifest.template,
                splits=counts,
                held=to.held,
                left_out={**to.left_out, **(_FLAGS if found.flagged else {})},
                remarks=_remarks(to, found, counts),
                files={
                    **{to.file(split): _entry(written / to.file(split), counts[split]) for split in wanted},
                    **beside,
                },
            )
            digests.write_json(written / MANIFEST, told.model_dump(mode="json"))
    return told


def _refuse_used(output: Path) -> None:
    try:
        refuse_used(output)
    except TrainError as error:
        raise RecipeError(str(error)) from None


def open_verified(folder: Path) -> Version:
    """Return a version that holds, with its manifest.

    Raises:
        StoreCorrupt: if it does not.
    """
    if found := problems(folder):
        msg = f"{folder.name} is damaged, so nothing is exported from it: {found[0]}"
        raise StoreCorrupt(msg)
    try:
        manifest = Manifest.model_validate_json((folder / digests.MANIFEST).read_bytes())
    except ValidationError as error:
        fields = ", ".join(sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]}))
        msg = f"{folder / digests.MANIFEST} is not the manifest of a version that can be read: {fields}"
        raise StoreCorrupt(msg) from error
    return Version(folder, manifest)


def _held(version: Version) -> str:
    return ", ".join(f"{version.rows(split)} of {split}" for split in SPLITS)


def _write(version: Version, split: Split, to: Exporter, file: Path, notify: Notify) -> Counts:
    """Write one split, read it back, and return what it holds.

    Raises:
        LedgerError: if it is not all that the version holds.
    """
    total, counter, whole = version.rows(split), Counter(), Counter()
    file.parent.mkdir(parents=True, exist_ok=True)
    examples = whole.count(version.examples(split))
    to.write(_told(counter.count(filter(to.takes, examples)), "export", split, total, notify), file)
    again = filter(to.takes, version.examples(split))
    to.check(_told(again, "check", split, total, notify), file)
    tokens = whole.counts.prompt_tokens + whole.counts.completion_tokens
    if (whole.counts.examples, tokens) != (total, version.tokens(split)):
        msg = (
            f"{file.name} holds {whole.counts.examples} examples of {tokens} tokens, the version {total} of "
            f"{version.tokens(split)}: a bug in Thinkmix"
        )
        raise LedgerError(msg)
    return counter.counts


def _remarks(to: Exporter, version: Version, counts: Mapping[Split, Counts]) -> tuple[str, ...]:
    """Return what the exporter remarks, and how many rows it cannot hold."""
    missing = {split: version.rows(split) - count.examples for split, count in counts.items()}
    told = (f"{rows:,} rows of {split} are left out: {to.refused}" for split, rows in missing.items() if rows)
    return (*to.remarks(counts), *told)


def _told(items: Iterable[Item], stage: str, split: Split, total: int, notify: Notify) -> Iterator[Item]:
    """Yield the items and tell now and then how many have passed."""
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        if done % _TOLD_EVERY == 0:
            notify(Event(stage, split, done, total))
    notify(Event(stage, split, done, total))


def _write_files(to: Exporter, counts: Mapping[Split, Counts], folder: Path) -> Mapping[str, FileEntry]:
    """Write what stands beside the data, and return what all files but those of the splits are."""
    for name, text in to.files(counts).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    data = {to.file(split) for split in counts}
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {
        name: FileEntry(sha256=digest(folder / name), bytes=(folder / name).stat().st_size)
        for name in names
        if name not in data
    }


def _entry(file: Path, counts: Counts) -> FileEntry:
    return FileEntry(sha256=digest(file), bytes=file.stat().st_size, rows=counts.examples)


@contextmanager
def _sentences(output: Path) -> Iterator[None]:
    """Turn what keeps a folder from being written into a sentence with the way out."""
    way_out = "name another folder with --output"
    try:
        with full_disk(output.parent):
            yield
    except StoreFull as error:
        msg = f"no space left for {output}, nothing of it is left there; free some, or {way_out}"
        raise StoreFull(msg) from error
    except TrainError as error:
        raise StoreError(str(error)) from error
    except ThinkmixError:
        raise
    except OSError as error:
        msg = f"{output} cannot be written ({error.strerror or error}); {way_out}"
        raise StoreError(msg) from error
