"""Rows that change a little every night, in two sources: one here, one on a hub whose branch moves."""

import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.builders import ROOT, chat_row, math_row, quick_build, recipe, statement, text, write_rows
from tests.harness.loopback_hub import LoopbackHub
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.recipe.recipe import Recipe

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
        """Write the files of now, here and on the hub."""
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
class Past:
    """What was published run by night, by digest, and what of it must not be lost."""

    good: list[str] = field(default_factory=list)
    approved: list[str] = field(default_factory=list)
    rotten: set[str] = field(default_factory=set)
    """Versions that a fault spoilt."""


@dataclass
class DailyRun:
    """One run: its store, its corpus, what chance decides, and what went wrong."""

    store: Path
    corpus: Corpus
    past: Past
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
        command = ("-m", "tests.harness.build_once", self.store, self.corpus.folder, stated, workers)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
        return subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, **quiet, **settings)

    def expect(self, found: bool, what: str) -> None:
        """Note a violation if something does not hold."""
        if not found:
            self.violations.append(what)
