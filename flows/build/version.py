"""Putting a version together: shards, outcomes and metrics in one folder, checked against the counts."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson
import pyarrow.parquet as pq

from thinkmix.curation.audit import measure
from thinkmix.curation.audit.precision import measured_precision
from thinkmix.curation.sample import mix, render
from thinkmix.curation.validate import profile, rowwise
from thinkmix.flows.build.benchmarks import Asked, commits, not_scanned
from thinkmix.flows.build.figures import Audited
from thinkmix.flows.build.jobs import Shard, counts
from thinkmix.flows.build.publish import Joined
from thinkmix.flows.build.sampling import Sampled
from thinkmix.flows.pages.card import dataset_card
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.cache import StageOutput
from thinkmix.flows.store.digests import MANIFEST, digest, write_json
from thinkmix.flows.store.fingerprint import code_digest, library_versions
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.errors import LedgerError, StoreCorrupt
from thinkmix.schemas.findings import Tally, looks_like
from thinkmix.schemas.findings import total as total_tally
from thinkmix.schemas.ledger import Ledger, StageCount, TurnCount, total
from thinkmix.schemas.left_out import LeftOut
from thinkmix.schemas.manifest import SPLITS, FileEntry, FlagCount, Manifest, SourceEntry
from thinkmix.schemas.report import AnswerCount, Report, SourceFindings, Unread
from thinkmix.schemas.version_name import seal
from thinkmix.templates.chat.tokenizer import tokenizer_digest

_HASHED_AT_ONCE = 4


@dataclass(frozen=True)
class Work:
    """Everything that a version is put together from."""

    recipe: Recipe
    origins: list[SourceEntry]
    asked: Asked
    """What each benchmark's files were."""
    shards: list[Shard]
    verdicts: StageOutput
    sampled: Sampled
    assigned: list[StageOutput]
    joined: Joined
    published: list[StageOutput]
    audited: Audited
    left_out: tuple[LeftOut, ...] = ()
    """Rows that ended the processes that worked on them."""

    def ledger(self) -> Ledger:
        """Add up all parts of all stages, and refuse if a row, message or byte went missing.

        Raises:
            LedgerError: if a stage does not balance, or reads what the one before did not keep.
        """
        listed: list[StageCount] = []
        by_stage = (
            (rowwise.STAGE, [shard.validated for shard in self.shards]),
            ("dedup", [self.verdicts]),
            (render.STAGE, self.assigned),
            (mix.STAGE, self.assigned),
        )
        for stage, outputs in by_stage:
            parts = counts(outputs, stage)
            for source in self.recipe.sources:
                mine = [part for part in parts if part.source == source.name]
                listed.append(total([StageCount(stage=stage, source=source.name), *mine]))
        return Ledger(stages=tuple(listed)).check()


def put_together(work: Work, folder: Path) -> tuple[Manifest, Report]:
    """Fill an empty folder with a version: shards, dropped rows, outcomes, metrics, and the manifest of all.

    Raises:
        LedgerError: if rows are missing, or files hold others than were counted.
        StoreCorrupt: if a shard changed on the disk meanwhile.
    """
    ledger = work.ledger()
    contents, linked = _link_shards(work, folder)
    linked |= _link_rows(work, folder)
    report = _report(work, ledger, _content_digest(contents))
    write_json(folder / "report.json", report.model_dump(mode="json"))
    (folder / "README.md").write_text(dataset_card(report), encoding="utf-8")
    manifest = _manifest(work, report, folder)
    _check_rows(manifest)
    _check_content(manifest, linked)
    (folder / MANIFEST).write_bytes(seal(manifest.model_dump(mode="json", exclude={"seal"})))
    return manifest, report


def _link_shards(work: Work, folder: Path) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Put the shards into the version; return (name, digest of rows) of each, and sha256 by name."""
    contents, linked = [], {}
    for output in work.published:
        for name, content in output.files.items():
            _link(output.folder / name, folder / name)
            contents.append((name, str(output.result["content_sha256"])))
            linked[name] = content
    return contents, linked


def _link_rows(work: Work, folder: Path) -> dict[str, str]:
    """Put the dropped rows and the outcomes of all rows into the version; return sha256 by name."""
    linked = {}
    for name, output in work.joined.items():
        ((file, content),) = output.files.items()
        (folder / name).parent.mkdir(exist_ok=True)
        _link(output.folder / file, folder / name)
        linked[name] = content
    return linked


def _link(cached: Path, published: Path) -> None:
    try:
        os.link(cached, published)
    except OSError:  # another file system, or one without links
        shutil.copyfile(cached, published)


def _report(work: Work, ledger: Ledger, content: str) -> Report:
    recipe, shares = work.recipe, work.sampled.shares
    audit = work.audited.facts
    longest = max((view.longest for view in audit.lengths), default=0)
    return Report(
        mixture=recipe.name,
        title=recipe.title,
        checks=(
            measure.check_ledger(ledger),
            *measure.check_shares(shares, recipe.mix, longest=longest),
            *audit.checks,
        ),
        shares=shares,
        ledger=ledger,
        lengths=audit.lengths,
        thinking=audit.thinking,
        mode_pairs=audit.mode_pairs,
        spreads=audit.spreads,
        columns=_columns(work),
        turns=_turns(work, ledger),
        findings=_findings(work),
        not_scanned=not_scanned(work.asked),
        flags=tuple(_flags(work)),
        answers=tuple(_answers(work)),
        clusters=audit.clusters,
        precision=measured_precision(),
        samples=audit.samples,
        flagged=audit.flagged,
        sources=tuple(work.origins),
        recipe=recipe.model_dump(mode="json"),
        template_sha256=recipe.family.digest(),
        tokenizer_sha256=tokenizer_digest(),
        content_sha256=content,
    )


def _columns(work: Work) -> tuple[Columns, ...]:
    """Return the columns of each source's files, from what validation saw of every shard."""
    parts: dict[str, list[profile.ProfilePart]] = {source.name: [] for source in work.recipe.sources}
    for shard in work.shards:
        seen = profile.ProfilePart.model_validate(shard.validated.result["columns"])
        parts[shard.source.name].append(seen)
    return tuple(profile.merge_columns(name, found) for name, found in parts.items())


def _turns(work: Work, ledger: Ledger) -> tuple[TurnCount, ...]:
    """Return what became of each source's turns.

    Raises:
        LedgerError: if a turn is neither learned nor context.
    """
    counted = {source.name: TurnCount(source=source.name) for source in work.recipe.sources}
    for shard in work.shards:
        counted[shard.source.name] += TurnCount.model_validate(shard.validated.result["turns"])
    return tuple(count.check(ledger) for count in counted.values())


def _findings(work: Work) -> tuple[SourceFindings, ...]:
    """Return what validation found in the rows of each source besides."""
    found = []
    formats = {shard.source.name: shard.source.format for shard in work.shards}  # as recognised
    for source in work.recipe.sources:
        shards = (shard for shard in work.shards if shard.source.name == source.name)
        tally = total_tally(Tally.model_validate(shard.validated.result["tally"]) for shard in shards)
        unread = [
            Unread(
                **field.model_dump(),
                looks_like=looks_like(field.path),
                setting=formats[source.name].setting_for(field.path),
            )
            for field in tally.unread
        ]
        found.append(
            SourceFindings(
                source=source.name,
                found=tally.findings,
                unread=tuple(unread),
                cut=tally.cut,
                encodings=tally.encodings,
            )
        )
    return tuple(found)


def _flags(work: Work) -> Iterator[FlagCount]:
    """Yield how many rows of each source have which flag."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for shard, output in zip(work.shards, work.assigned, strict=True):
        found = output.result["flags"]
        assert isinstance(found, dict)
        for rule, rows in found.items():
            counted += Counter({(shard.source.name, rule, part): many for part, many in rows.items()})
    for source in work.recipe.sources:
        for rule in sorted({rule for name, rule, _ in counted if name == source.name}):
            rows, mixed = (counted[source.name, rule, part] for part in ("rows", "mixed"))
            yield FlagCount(source=source.name, rule=rule, rows=rows, mixed=mixed)


def _answers(work: Work) -> Iterator[AnswerCount]:
    """Yield how the answers of rows are to those that their sources name, in the order of the sources."""
    found = work.verdicts.result["answers"]
    assert isinstance(found, list)
    for source in work.recipe.sources:
        yield from (AnswerCount(**one) for one in found if one["source"] == source.name)


def _manifest(work: Work, report: Report, folder: Path) -> Manifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(_HASHED_AT_ONCE) as threads:  # hashing lets go of the interpreter
        entries = list(threads.map(_file_entry, paths))
    names = [str(path.relative_to(folder)) for path in paths]
    return Manifest(
        mixture=report.mixture,
        recipe=report.recipe,
        sources=report.sources,
        benchmarks=commits(work.asked),
        not_scanned=not_scanned(work.asked),
        template=work.recipe.template,
        template_sha256=report.template_sha256,
        tokenizer_sha256=report.tokenizer_sha256,
        code_sha256=code_digest(),
        libraries=library_versions(),
        left_out=work.left_out,
        ledger=report.ledger,
        shares=report.shares,
        flags=report.flags,
        content_sha256=report.content_sha256,
        files=dict(zip(names, entries, strict=True)),
    )


def _file_entry(path: Path) -> FileEntry:
    rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
    return FileEntry(sha256=digest(path), bytes=path.stat().st_size, rows=rows)


def _check_rows(manifest: Manifest) -> None:
    """Compare what was written with what was counted; a writer's good word is not enough.

    Raises:
        LedgerError: naming the files and both numbers.
    """
    sampled = {
        split: sum(share.examples for share in manifest.shares if share.split == split) for split in SPLITS
    }
    read = {name: count.read.rows for name, count in manifest.ledger.of(rowwise.STAGE).items()}
    expected = {f"{split}-": rows for split, rows in sampled.items()}
    expected |= {f"outcomes/{name}.parquet": rows for name, rows in read.items()}
    for prefix, rows in expected.items():
        written = sum(entry.rows or 0 for name, entry in manifest.files.items() if name.startswith(prefix))
        if written != rows:
            msg = f"{prefix}* hold {written} rows, but {rows} were counted"
            raise LedgerError(msg)


def _check_content(manifest: Manifest, linked: Mapping[str, str]) -> None:
    """Compare the published files with what the stages wrote: a disk may rot in between.

    Raises:
        StoreCorrupt: naming the file.
    """
    for name, expected in linked.items():
        if manifest.files[name].sha256 != expected:
            msg = f"{name} changed on the disk while it was published; build again"
            raise StoreCorrupt(msg)


def _content_digest(contents: Sequence[tuple[str, str]]) -> str:
    return sha256(orjson.dumps(sorted(contents))).hexdigest()
