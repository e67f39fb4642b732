"""`thinkmix push`: a verified version, copied for a hub with what is said of it, uploaded and compared."""

import hashlib
import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from thinkmix.flows.pages.card import dataset_card
from thinkmix.flows.pages.provenance import croissant, provenance_fields, training_summary
from thinkmix.flows.store.atomic import scratch_folder
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.paths import reading
from thinkmix.flows.store.versions import problems
from thinkmix.flows.system.progress import Event, Notify, silent
from thinkmix.flows.training.pushing.copying import copy_rows
from thinkmix.flows.training.pushing.hub import Digests, send
from thinkmix.flows.training.pushing.licences import Standing, refusal, standings
from thinkmix.schemas.errors import NotFound, PushError, StoreCorrupt
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.patterns import REPO_ID
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import Report

HUB = "hub:"
"""Stands before the name of a dataset of the Hugging Face Hub."""

_WORDS = {
    "sharing": "may be passed on under its conditions",
    "non_commercial": "not for commercial use",
    "nothing": "may not be passed on",
    "unknown": "not stated, or not known here",
}


class Pushed(Record):
    """What a push came to."""

    repo: str
    commit: str
    url: str
    version: str
    """Digest of the version."""
    rows: int
    files: int
    new: int
    """Files that the hub did not have; 0 if it held this version already."""
    removed: int
    public: bool
    warnings: tuple[str, ...]


def push(version: Path, to: str, *, public: bool, message: str = "", notify: Notify = silent) -> Pushed:
    """Push a version to a hub, and compare what the hub holds with what was sent.

    Published bytes stay as they are. What goes: the rows, `manifest.json`, the card and three documents of
    provenance; not the report, the outcomes and the dropped rows, which quote rows that were left out.

    Args:
        version: a version's folder, or a mixture's folder for its current version.
        to: `hub:ORGANISATION/NAME`.
        public: whether everyone may see it.
        message: of the commit; unset names the version.
        notify: is told how far it is.

    Raises:
        NotFound: if `to` names no dataset.
        PushError: if a licence forbids it, or the hub refuses or does not answer.
        StoreCorrupt: if the version is damaged.
    """
    repo = _named(to)
    with reading(version) as folder:
        if found := problems(folder):
            msg = f"{folder.name[:12]} is damaged, so it is not pushed: {found[0]}"
            raise StoreCorrupt(msg)
        manifest, report = _read(folder)
        known = standings(manifest.sources)
        if why := refusal(known, public=public):
            raise PushError(why)
        with scratch_folder(folder.parent) as place:
            rows, digests = _prepare(folder, place, manifest, report, known, repo, notify)
            notify(Event("push", repo, 0, None, unit="files"))
            sent = send(
                place,
                digests,
                repo=repo,
                public=public,
                message=message or f"thinkmix {folder.name[:12]}",
            )
            notify(Event("push", repo, len(digests), len(digests), unit="files"))
        return Pushed(
            repo=repo,
            commit=sent.commit,
            url=sent.url,
            version=folder.name,
            rows=rows,
            files=len(digests),
            new=sent.new,
            removed=sent.removed,
            public=public,
            warnings=tuple(
                f"source {one.source}: {one.licence or 'no licence'}: {_WORDS[one.allows]}"
                for one in known
                if one.allows != "sharing"
            ),
        )


def _named(to: str) -> str:
    """Return the dataset that is meant.

    Raises:
        NotFound: if none is.
    """
    repo = to.removeprefix(HUB)
    try:
        if not to.startswith(HUB):
            raise ValueError
        return TypeAdapter(Annotated[str, Field(pattern=REPO_ID)]).validate_python(repo)
    except ValueError:  # pydantic's is one
        msg = f"{to!r} is not a place to push to; write {HUB}ORGANISATION/NAME"
        raise NotFound(msg) from None


def _read(folder: Path) -> tuple[Manifest, Report]:
    """Return what a version says of itself.

    Raises:
        StoreCorrupt: if a release that this one cannot read wrote it.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        return manifest, Report.model_validate_json((folder / "report.json").read_bytes())
    except ValidationError as error:
        msg = (
            f"{folder.name[:12]} is of another release, and its {error.title.lower()}.json cannot be read; "
            "build the mixture again"
        )
        raise StoreCorrupt(msg) from error


def _prepare(
    folder: Path,
    place: Path,
    manifest: Manifest,
    report: Report,
    known: tuple[Standing, ...],
    repo: str,
    notify: Notify,
) -> tuple[int, dict[str, Digests]]:
    """Write all that goes, and return the rows and the digests of the files by name."""
    shards = sorted(path for split in ("train", "eval") for path in folder.glob(f"{split}-*.parquet"))
    rows = 0
    for number, shard in enumerate(shards, 1):
        rows += copy_rows(shard, place / shard.name)
        notify(Event("copy", repo, number, len(shards), unit="files"))
    digests = {shard.name: _digests(place / shard.name) for shard in shards}
    licence = "; ".join(
        f"{one.source}: {one.licence or 'not stated'} ({_WORDS[one.allows]})" for one in known
    )
    fields = provenance_fields(manifest, name=repo, version=folder.name, licence=licence)
    parquet = {name: one.sha256 for name, one in digests.items()}
    texts = {
        "README.md": dataset_card(report, repo=repo),
        "croissant.json": croissant(manifest, parquet, name=repo, version=folder.name),
        "provenance.json": json.dumps(fields, indent=1, ensure_ascii=False) + "\n",
        "TRAINING_DATA_SUMMARY.md": training_summary(manifest, fields),
    }
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8")
    (place / MANIFEST).write_bytes((folder / MANIFEST).read_bytes())
    return rows, {**digests, **{name: _digests(place / name) for name in (*texts, MANIFEST)}}


def _digests(path: Path) -> Digests:
    size = path.stat().st_size
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
            git.update(block)
    return Digests(sha256.hexdigest(), git.hexdigest())
