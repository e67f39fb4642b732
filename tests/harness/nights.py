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

from tests.harness.loopback_hub import LoopbackHub
from tests.harness.night_corpus import Corpus, Night, Past
from tests.harness.night_faults import FAULTS, damaged_pointer, rot, rotten_version
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.runs.retention import retain
from thinkmix.flows.store.digests import MANIFEST, digest
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreError

KEEP, DAYS = 3, 2
"""What the collection of every night keeps: this many good versions, and what was used in this many days."""

_DAY = 24 * 3600 * 10**9


def spend(night: Night, fault: Callable[[Night], None], part: float) -> dict[str, object]:
    """Change rows, let the fault strike, build, and say what came of it."""
    began, before = time.monotonic(), open_version(night.mixture)
    ids = published(before)
    night.corpus.churn(night.chance, part)
    night.corpus.publish()
    fault(night)
    if fault in (rot, rotten_version):  # a file of the cache may be one of a version by another name
        night.past.rotten |= {path.name for path in versions(night) if problems(path)}
    elif fault is not damaged_pointer:
        night.expect(problems(open_version(night.mixture)) == [], "CURRENT leads to a damaged version")
    built = attempt(night)
    check(night, built)
    night.past.good.append(built.digest)
    overlap = len(ids & published(built.version)) / len(ids)
    night.expect(part > 0.001 or overlap >= 0.99, f"only {overlap:.4f} of the rows stayed")
    return {
        "fault": fault.__name__,
        "churn": part,
        "overlap": round(overlap, 4),
        "seconds": round(time.monotonic() - began, 1),
        "freed": collect(night),
        "bytes": bytes_of(night.store),
        "violations": night.violations,
    }


def attempt(night: Night) -> Built:
    """Build, at most three times."""
    for _ in range(2):
        try:
            return night.build()
        except StoreError as error:
            night.violations.append(f"an undisturbed build ended with {error!r}")
    return night.build()


def check(night: Night, built: Built) -> None:
    """Note what does not hold after a night."""
    counts = built.manifest.ledger.check().of("validate")
    night.expect(all(count.read.rows == night.corpus.rows for count in counts.values()), "rows were lost")
    for source in counts:
        fates = pl.read_parquet(built.version / "fates" / f"{source}.parquet", columns=["file", "row"])
        night.expect(fates.n_unique() == fates.height == night.corpus.rows, f"{source}: a row has no fate")
    night.expect(open_version(night.mixture) == built.version, "CURRENT is not what was built")
    night.expect(problems(built.version) == [], "the published version is damaged")
    written = {path.name for path in built.folder.iterdir() if path.stat().st_size}
    night.expect(written == {"report.html", "report.json", "summary.md"}, f"reports: {sorted(written)}")
    front = night.mixture / "report.html"
    night.expect(digest(front) == digest(built.folder / "report.html"), "the front page is of another night")
    night.expect(Store(night.store).log.runs("nightly")[-1]["version"] == built.digest, "not in the history")
    left = [str(path) for path in night.mixture.rglob(".tmp-*")]
    night.expect(left == [], f"left over: {left}")


def collect(night: Night) -> int:
    """Collect as `thinkmix gc` does, note what is not kept that should be; return the bytes freed."""
    told = retain(Store(night.store), keep=KEEP, days=DAYS)
    night.expect(told.failed == (), f"not removed: {told.failed}")
    lying = {path.name: path for path in versions(night)}
    for name in {*night.past.good[-KEEP:], *night.past.accepted}:
        night.expect(name in lying, f"{name[:12]} was collected")
        whole = name not in lying or name in night.past.rotten or problems(lying[name]) == []
        night.expect(whole, f"{name[:12]} is damaged")
    return told.freed_bytes


def versions(night: Night) -> list[Path]:
    """Return the folders of all versions that lie there."""
    return [path for path in (night.mixture / "versions").iterdir() if not path.name.startswith(".")]


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


def live(folder: Path, hub: LoopbackHub, *, rows: int, nights: int, seed: int) -> dict[str, object]:
    """Run `nights` nights; return the outcome of each, and whether a clean build agrees at the end."""
    corpus, past, store = Corpus(folder / "rows", hub, rows), Past(), folder / "store"
    corpus.publish()
    Night(store, corpus, past, random.Random(seed)).build()
    told = []
    for number in range(nights):
        pass_day(store)
        night = Night(store, corpus, past, random.Random(f"{seed} {number}"))
        fault = FAULTS[(number + seed) % len(FAULTS)]
        told.append(spend(night, fault, (0.001, 0.002, 0.005, 0.01)[number % 4]))
        if number % 10 == 1:
            past.accepted.append(past.good[-1])
            Store(store).log.record_acceptance("nightly", {"version": past.good[-1]})
    clean = night.build(folder / "clean")
    return {
        "nights": told,
        "same": open_version(night.mixture).name == clean.digest,
        "runs": len(json.loads(b"[" + b",".join(_whole_lines(night.mixture)) + b"]")),
        "accepted": len(past.accepted),
        "rotten": len(past.rotten),
        "bytes": {"store": bytes_of(store), "clean": bytes_of(folder / "clean")},
    }


def _whole_lines(mixture: Path) -> list[bytes]:
    lines = (mixture / "runs.jsonl").read_bytes().splitlines()
    return [line for line in lines if line.endswith(b"}")]
