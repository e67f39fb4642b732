"""Nightly builds of rows that change a little, each with one fault: what a machine room does to a store.

A corpus of two sources, one on this disk and one on a hub whose branch moves every night. Each night some
rows change, a fault strikes, and the mixture is built until it succeeds, as a scheduler would.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from flows.pipeline import Built
from flows.store import Store, digest, open_version, problems
from schemas.errors import StoreCorrupt, StoreError, ThinkmixError
from schemas.recipe import Recipe
from tests.builders import (
    ROOT,
    chat_row,
    flip_bit,
    math_row,
    quick_build,
    recipe,
    statement,
    text,
    write_rows,
)
from tests.loopback_hub import LoopbackHub

SHARDS = 4


@dataclass
class Corpus:
    """Rows of both sources; a row that changed has a generation above 0."""

    folder: Path
    hub: LoopbackHub
    rows: int
    generations: dict[tuple[str, int], int] = field(default_factory=dict)

    def churn(self, chance: random.Random, part: float) -> None:
        """Change that part of the rows."""
        for source in ("math", "chat"):
            for row in chance.sample(range(self.rows), max(1, round(self.rows * part))):
                self.generations[source, row] = self.generations.get((source, row), 0) + 1

    def publish(self) -> None:
        """Write the files of tonight, here and on the hub."""
        for source in ("math", "chat"):
            rows = [self._row(source, number) for number in range(self.rows)]
            size = -(-self.rows // SHARDS)
            for shard in range(SHARDS):
                write_rows(self.folder / source / f"{shard}.jsonl", rows[shard * size : (shard + 1) * size])
        paths = sorted((self.folder / "chat").iterdir())
        self.hub.add("org/chat", {f"data/chat-{path.name}": path.read_bytes() for path in paths})

    def _row(self, source: str, number: int) -> dict[str, object]:
        seed = (source, number, self.generations.get((source, number), 0))
        if source == "math":
            return math_row(seed)
        return chat_row(f"Tell me of {text(seed)}?", f"Gladly: {text(('reply', seed), 8)}.")

    @property
    def recipe(self) -> Recipe:
        """The mixture of every night."""
        stated = statement(name="nightly", size=self.rows, eval_share=0.05)
        chat = stated["sources"][1]
        chat |= {"kind": "hub", "dataset": "org/chat", "files": ["data/chat-*.jsonl"]}
        return recipe(**stated)


@dataclass
class Night:
    """One night: its store, its corpus, what chance decides, and what went wrong."""

    store: Path
    corpus: Corpus
    chance: random.Random
    violations: list[str] = field(default_factory=list)

    @property
    def mixture(self) -> Path:
        """The mixture's folder."""
        return self.store / "nightly"

    def build(self, store: Path | None = None) -> Built:
        """Build in this process."""
        return quick_build(self.corpus.recipe, store or self.store, self.corpus.folder)

    def start(self, workers: int = 0, **settings: object) -> subprocess.Popen:
        """Start a build in a process group of its own."""
        stated = self.corpus.recipe.model_dump_json()
        command = ("-m", "tests.build_once", self.store, self.corpus.folder, stated, workers)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
        return subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, **quiet, **settings)

    def expect(self, found: bool, what: str) -> None:
        """Note a violation if something does not hold."""
        if not found:
            self.violations.append(what)


def none(night: Night) -> None:
    """Let nothing happen."""


def kill(night: Night) -> None:
    """Kill a build and all its processes with -9, at a moment of its stages."""
    build = night.start()
    made = len(list(night.store.glob(".cache/*/*")))
    goal, end = made + night.chance.randint(1, 8), time.monotonic() + 60
    while build.poll() is None and len(list(night.store.glob(".cache/*/*"))) < goal:
        time.sleep(0.005)
        if time.monotonic() > end:
            break
    if build.poll() is None:
        os.killpg(build.pid, signal.SIGKILL)
    build.communicate()


def kill_worker(night: Night) -> None:
    """Kill one of two workers; the build must succeed all the same."""
    build = night.start(workers=2)
    children = Path(f"/proc/{build.pid}/task/{build.pid}/children")
    end = time.monotonic() + 60
    while build.poll() is None and time.monotonic() < end:
        found = [pid for pid in children.read_text().split() if _is_worker(pid)]
        if len(found) == 2:
            time.sleep(night.chance.random())
            os.kill(int(night.chance.choice(found)), signal.SIGKILL)
            break
        time.sleep(0.01)
    _, errors = build.communicate(timeout=200)
    night.expect(build.returncode == 0, f"a killed worker ended the build: {errors.decode()[-300:]}")


def _is_worker(pid: str) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def full_disk(night: Night) -> None:
    """Let no file grow beyond a size."""
    limit = night.chance.choice([2_000, 20_000, 60_000])
    build = night.start(preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
    _, errors = build.communicate(timeout=200)
    night.expect(
        build.returncode == 0 or b"StoreFull" in errors, f"not told as full: {errors.decode()[-300:]}"
    )


def second_builder(night: Night) -> None:
    """Start two builds at once: one is told to come back later, or finds the work done."""
    builds = [night.start(), night.start()]
    ends = [build.communicate(timeout=200)[1] for build in builds]
    codes = sorted(build.returncode for build in builds)
    busy = [b"StoreBusy" in errors for errors in ends]
    night.expect(codes == [0, 0] or (codes == [0, 1] and sum(busy) == 1), f"two builders ended with {codes}")


def hub_fault(night: Night) -> None:
    """Let the hub stumble, and tonight perhaps fall."""
    kind = night.chance.choice(["flip", "cut", "reset", "html", "status"])
    night.corpus.hub.fault("/datasets/*", kind, times=night.chance.choice([1, 2]))


def hub_down(night: Night) -> None:
    """Let the hub be away at the first try."""
    night.corpus.hub.down()
    try:
        night.build()
        night.violations.append("a build succeeded without its hub")
    except ThinkmixError as error:
        night.expect(error.exit_code == 4, f"a hub that is down ended with {error!r}")
    night.corpus.hub.up()


def rot(night: Night) -> None:
    """Flip a bit in some files of the cache, downloads among them."""
    paths = sorted(path for path in night.store.glob(".cache/**/*") if path.is_file() and path.stat().st_size)
    for path in night.chance.sample(paths, min(12, len(paths))):
        flip_bit(path, night.chance.randrange(path.stat().st_size * 8))


def rotten_version(night: Night) -> None:
    """Flip a bit in the current version; whoever verifies is told."""
    version = open_version(night.mixture)
    path = night.chance.choice(sorted(path for path in version.rglob("*") if path.is_file()))
    shutil.copyfile(path, path.with_suffix(".new"))  # the cache holds the same file by another name
    path.with_suffix(".new").replace(path)
    flip_bit(path)
    night.expect(problems(version) != [], "rot of the current version was not seen")


def damaged_pointer(night: Night) -> None:
    """Write garbage over CURRENT; readers are told."""
    (night.mixture / "CURRENT").write_bytes(night.chance.randbytes(night.chance.choice([0, 10, 65])))
    try:
        open_version(night.mixture)
        night.violations.append("garbage in CURRENT led somewhere")
    except StoreCorrupt:
        pass


def torn_history(night: Night) -> None:
    """Cut the last line of the history of runs, and forget where files lie."""
    path = night.mixture / "runs.jsonl"
    os.truncate(path, path.stat().st_size - 20)
    (night.mixture / "places.json").unlink(missing_ok=True)


def lost_cache(night: Night) -> None:
    """Lose the whole cache, or one stage of it."""
    stages = sorted((night.store / ".cache").iterdir())
    shutil.rmtree(night.chance.choice([night.store / ".cache", *stages]))


FAULTS: tuple[Callable[[Night], None], ...] = (
    kill, rot, hub_down, damaged_pointer, kill_worker, rotten_version, full_disk, hub_fault, second_builder,
    lost_cache, torn_history, kill,
)  # fmt: skip


def spend(night: Night, fault: Callable[[Night], None], part: float) -> dict[str, object]:
    """Change rows, let the fault strike, build, and say what came of it."""
    began, before = time.monotonic(), open_version(night.mixture)
    ids = published(before)
    night.corpus.churn(night.chance, part)
    night.corpus.publish()
    fault(night)
    harmed = fault in (rotten_version, damaged_pointer)
    if not harmed:
        night.expect(problems(open_version(night.mixture)) == [], "CURRENT leads to a damaged version")
    built = attempt(night)
    check(night, built)
    overlap = len(ids & published(built.version)) / len(ids)
    night.expect(part > 0.001 or overlap >= 0.99, f"only {overlap:.4f} of the rows stayed")
    return {
        "fault": fault.__name__,
        "churn": part,
        "overlap": round(overlap, 4),
        "seconds": round(time.monotonic() - began, 1),
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
    night.expect(Store(night.store).runs("nightly")[-1]["version"] == built.digest, "not in the history")
    left = [str(path) for path in night.mixture.rglob(".tmp-*")]
    night.expect(left == [], f"left over: {left}")


def published(version: Path) -> set[str]:
    """Return the ids of a version's train rows."""
    return set(pl.read_parquet(version / "train-*.parquet", columns=["id"])["id"])


def live(folder: Path, hub: LoopbackHub, *, rows: int, nights: int, seed: int) -> dict[str, object]:
    """Live through so many nights; return what each came to, and whether a clean build agrees at the end."""
    corpus = Corpus(folder / "rows", hub, rows)
    corpus.publish()
    store = folder / "store"
    Night(store, corpus, random.Random(seed)).build()
    told = []
    for number in range(nights):
        night = Night(store, corpus, random.Random(f"{seed} {number}"))
        fault = FAULTS[(number + seed) % len(FAULTS)]
        told.append(spend(night, fault, (0.001, 0.002, 0.005, 0.01)[number % 4]))
    last = Night(store, corpus, random.Random(seed))
    clean = last.build(folder / "clean")
    kept = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    alone = sum(path.stat().st_size for path in (folder / "clean").rglob("*") if path.is_file())
    return {
        "nights": told,
        "same": open_version(last.mixture).name == clean.digest,
        "runs": len(json.loads(b"[" + b",".join(_whole_lines(last.mixture)) + b"]")),
        "bytes": {"store": kept, "clean": alone},
    }


def _whole_lines(mixture: Path) -> list[bytes]:
    lines = (mixture / "runs.jsonl").read_bytes().splitlines()
    return [line for line in lines if line.endswith(b"}")]
