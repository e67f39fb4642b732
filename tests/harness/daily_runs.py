"""Nightly builds of rows that change a little, each with one fault: what a machine room does to a store.

Each night some rows change, a fault strikes, the mixture is built until it succeeds, as a scheduler would,
and what is no longer needed is collected.
"""

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tests.harness.daily_corpus import Corpus, DailyRun, Past
from tests.harness.daily_faults import FAULTS, damaged_pointer, rot, rotten_version
from tests.harness.loopback_hub import LoopbackHub
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.runs.retention import retain
from thinkmix.flows.store.digests import MANIFEST, digest
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreError

KEEP, DAYS = 3, 2
"""What the collection of every night keeps: so many good versions, and what was used since so many days."""

_DAY = 24 * 3600 * 10**9


def spend(daily_run: DailyRun, fault: Callable[[DailyRun], None], part: float) -> dict[str, object]:
    """Change rows, let the fault strike, build, and say what came of it."""
    began, before = time.monotonic(), open_version(daily_run.mixture)
    ids = published(before)
    daily_run.corpus.churn(daily_run.chance, part)
    daily_run.corpus.publish()
    fault(daily_run)
    if fault in (rot, rotten_version):  # a file of the cache may be one of a version by another name
        daily_run.past.rotten |= {path.name for path in versions(daily_run) if problems(path)}
    elif fault is not damaged_pointer:
        daily_run.expect(
            problems(open_version(daily_run.mixture)) == [], "CURRENT leads to a damaged version"
        )
    built = attempt(daily_run)
    check(daily_run, built)
    daily_run.past.good.append(built.digest)
    overlap = len(ids & published(built.version)) / len(ids)
    daily_run.expect(part > 0.001 or overlap >= 0.99, f"only {overlap:.4f} of the rows stayed")
    return {
        "fault": fault.__name__,
        "churn": part,
        "overlap": round(overlap, 4),
        "seconds": round(time.monotonic() - began, 1),
        "freed": collect(daily_run),
        "bytes": bytes_of(daily_run.store),
        "violations": daily_run.violations,
    }


def attempt(daily_run: DailyRun) -> Built:
    """Build, at most three times."""
    for _ in range(2):
        try:
            return daily_run.build()
        except StoreError as error:
            daily_run.violations.append(f"an undisturbed build ended with {error!r}")
    return daily_run.build()


def check(daily_run: DailyRun, built: Built) -> None:
    """Note what does not hold after a run."""
    counts = built.manifest.ledger.check().of("validate")
    daily_run.expect(
        all(count.read.rows == daily_run.corpus.rows for count in counts.values()), "rows were lost"
    )
    for source in counts:
        outcomes = pl.read_parquet(built.version / "outcomes" / f"{source}.parquet", columns=["file", "row"])
        daily_run.expect(
            outcomes.n_unique() == outcomes.height == daily_run.corpus.rows, f"{source}: a row has no outcome"
        )
    daily_run.expect(open_version(daily_run.mixture) == built.version, "CURRENT is not what was built")
    daily_run.expect(problems(built.version) == [], "the published version is damaged")
    written = {path.name for path in built.folder.iterdir() if path.stat().st_size}
    daily_run.expect(written == {"report.html", "report.json", "summary.md"}, f"reports: {sorted(written)}")
    front = daily_run.mixture / "report.html"
    daily_run.expect(
        digest(front) == digest(built.folder / "report.html"), "the front page is of another run"
    )
    daily_run.expect(
        Store(daily_run.store).log.runs("nightly")[-1]["version"] == built.digest, "not in the history"
    )
    left = [str(path) for path in daily_run.mixture.rglob(".tmp-*")]
    daily_run.expect(left == [], f"left over: {left}")


def collect(daily_run: DailyRun) -> int:
    """Collect as `thinkmix gc` does, note what is not kept that should be; return the bytes freed."""
    told = retain(Store(daily_run.store), keep=KEEP, days=DAYS)
    daily_run.expect(told.failed == (), f"not removed: {told.failed}")
    lying = {path.name: path for path in versions(daily_run)}
    for name in {*daily_run.past.good[-KEEP:], *daily_run.past.approved}:
        daily_run.expect(name in lying, f"{name[:12]} was collected")
        whole = name not in lying or name in daily_run.past.rotten or problems(lying[name]) == []
        daily_run.expect(whole, f"{name[:12]} is damaged")
    return told.freed_bytes


def versions(daily_run: DailyRun) -> list[Path]:
    """Return the folders of all versions that lie there."""
    return [path for path in (daily_run.mixture / "versions").iterdir() if not path.name.startswith(".")]


def pass_day(store: Path) -> None:
    """Make everything a day older whose age a collection or a build asks for."""
    asked = (MANIFEST, "lock", ".lock", "runs.jsonl")
    for path in store.rglob("*"):
        if path.is_dir() or path.name in asked or path.parent.name == "digests":
            times = path.stat()
            os.utime(path, ns=(times.st_atime_ns - _DAY, times.st_mtime_ns - _DAY))


def bytes_of(folder: Path) -> int:
    """Return what files take on the disk, those with several names once."""
    files = {path.stat() for path in folder.rglob("*") if path.is_file()}
    return sum({status.st_ino: status.st_blocks * 512 for status in files}.values())


def published(version: Path) -> set[str]:
    """Return the ids of a version's train rows."""
    return set(pl.read_parquet(version / "train-*.parquet", columns=["id"])["id"])


def live(folder: Path, hub: LoopbackHub, *, rows: int, daily_runs: int, seed: int) -> dict[str, object]:
    """Live through so many runs; return what each came to, and whether a clean build agrees at the end."""
    corpus, past, store = Corpus(folder / "rows", hub, rows), Past(), folder / "store"
    corpus.publish()
    DailyRun(store, corpus, past, random.Random(seed)).build()
    told = []
    for number in range(daily_runs):
        pass_day(store)
        daily_run = DailyRun(store, corpus, past, random.Random(f"{seed} {number}"))
        fault = FAULTS[(number + seed) % len(FAULTS)]
        told.append(spend(daily_run, fault, (0.001, 0.002, 0.005, 0.01)[number % 4]))
        if number % 10 == 1:
            past.approved.append(past.good[-1])
            Store(store).log.record_approval("nightly", {"version": past.good[-1]})
    clean = daily_run.build(folder / "clean")
    return {
        "nights": told,
        "same": open_version(daily_run.mixture).name == clean.digest,
        "runs": len(json.loads(b"[" + b",".join(_whole_lines(daily_run.mixture)) + b"]")),
        "approved": len(past.approved),
        "rotten": len(past.rotten),
        "bytes": {"store": bytes_of(store), "clean": bytes_of(folder / "clean")},
    }


def _whole_lines(mixture: Path) -> list[bytes]:
    lines = (mixture / "runs.jsonl").read_bytes().splitlines()
    return [line for line in lines if line.endswith(b"}")]
