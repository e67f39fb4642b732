"""Questions of evaluations planted in rows, word for word and edited: how many are found, and how fast."""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from benchmarks.edits import WRAP, placed
from benchmarks.figures.pairs import synthetic_texts
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import CHAT, MATH, folder, is_real
from thinkmix.curation.decontaminate.contamination import (
    Questions,
    find_overlap,
    read_questions,
    write_questions,
)
from thinkmix.curation.decontaminate.settings import ScanPlan
from thinkmix.curation.tables import TURN_END

SEED = 18
QUESTIONS = 440
INDEXED = 30_000
"""Questions in the index whose speed is measured: real ones, and made-up ones from where these end."""

WANTED = {
    "word for word": 1,
    f"{WRAP} words before and after": 0.99,
    "LaTeX spacing and delimiters": 1,
    "every tenth word left out": 0.95,
    "second turn": 1,
    "answer": 1,
    "system prompt": 1,
}
"""The share that is to be found of each way of `edits.placed`."""


def measure(options: Options) -> Sequence[Measurement]:
    """Plant questions in rows, and scan them and clean rows."""
    asked, real = _questions(options)
    chosen = _choose(asked, options.size(tiny=40, short=QUESTIONS, full=QUESTIONS))
    on = f"{len(chosen)} {'real' if real else 'generated'} questions, seed {SEED}"
    found = []
    with folder(options, "leaks") as work:
        scanner = Scanner(work, asked)
        for way, texts in _planted(chosen).items():
            share = scanner.found(texts)
            found.append(_finding(f"questions found: {way}", share, WANTED[way], on))
        if real:
            rows = pl.read_parquet(options.real / MATH)
            copies = rows.filter(pl.col("problem_source").str.ends_with("_MiP"))["problem"].to_list()
            found.append(_finding("copies with a condition left out, found", scanner.found(copies), 0.9,
                                  f"{len(copies)} real rows"))  # fmt: skip
        clean = _clean_rows(options, real=real)
        dropped, flagged = scanner.hits(clean)
        rate = dropped / len(clean)
        found.append(
            Measurement(
                figure="leaks", what="clean rows dropped", unit="", at_least=0.001, aim=0, measured=rate,
                less_is_better=True, on=f"{len(clean):,} {'real' if real else 'generated'} rows",
                notes=(f"{dropped} of {len(clean):,} clean rows dropped, {flagged} flagged",),
            )
        )  # fmt: skip
        more = options.size(tiny=3_000, short=INDEXED, full=INDEXED)
        found.append(_speed(work / "speed", asked, clean, options.rounds, indexed=more))
    return found


class Scanner:
    """An index of questions, and rows that are scanned for them."""

    def __init__(self, work: Path, asked: Sequence[Questions]) -> None:
        work.mkdir(exist_ok=True)
        self._said = work / "said.parquet"
        self._known = write_questions(asked, work)
        self._index = read_questions(work / "words.index", work / "anchors.index", self._known)

    def hits(self, texts: Sequence[str]) -> tuple[int, int]:
        """Return how many rows would be dropped, and how many flagged."""
        self.write(texts)
        found = self.scan()
        dropped = found.filter(action="drop").height
        return dropped, found.height - dropped

    def write(self, texts: Sequence[str]) -> None:
        """Write rows as validation does."""
        pl.DataFrame({"said": texts}, schema={"said": pl.String}).write_parquet(self._said)

    def scan(self) -> pl.DataFrame:
        """Return what is found in the rows that were written."""
        return find_overlap(self._said, self._index, self._known, score=ScanPlan().score)

    def found(self, texts: Sequence[str]) -> float:
        """Return the share of rows that are dropped or flagged."""
        return sum(self.hits(texts)) / len(texts)


def _questions(options: Options) -> tuple[list[Questions], bool]:
    """Return the questions of all evaluations, and whether they are real."""
    files = sorted((options.real / "benchmarks").glob("*.jsonl"))
    if not is_real(options):
        return [Questions("generated", synthetic_texts(2_000, SEED, words=25))], False
    return [Questions(file.stem, pl.read_ndjson(file)["question"]) for file in files], True


def _choose(asked: Sequence[Questions], count: int) -> list[str]:
    texts = [text for questions in asked for text in questions.texts.drop_nulls().unique(maintain_order=True)]
    return random.Random(SEED).sample(texts, count)


def _planted(chosen: Sequence[str]) -> dict[str, list[str]]:
    """Return by way of `edits.placed` the rows that hold the questions."""
    chance = random.Random(SEED)
    rows: dict[str, list[str]] = {}
    for question in chosen:
        for way, turns in placed(question, chance):
            rows.setdefault(way, []).append(TURN_END.join(text for _, text in turns))
    return rows


def _clean_rows(options: Options, *, real: bool) -> list[str]:
    """Return rows without a question: chat and generated exercises, or made-up ones."""
    if not real:
        return synthetic_texts(5_000, SEED + 1, words=60).to_list()
    chat = pl.read_parquet(options.real / CHAT)["conversations"]
    rows = pl.read_parquet(options.real / MATH)
    made_up = rows.filter(pl.col("problem_source").str.starts_with("rgym_"))["problem"]
    return [*map(_said, chat.to_list()), *made_up.to_list()]


def _said(turns: Sequence[dict[str, str]]) -> str:
    return TURN_END.join(turn["value"] or "" for turn in turns)


def _speed(
    work: Path, asked: Sequence[Questions], clean: Sequence[str], rounds: int, *, indexed: int
) -> Measurement:
    """Return how fast rows are scanned for as many questions as a large pack has."""
    more = indexed - sum(len(questions.texts) for questions in asked)
    scanner = Scanner(work, [*asked, Questions("generated", pl.Series(_chained(asked, more)))])
    size = sum(len(text.encode()) for text in clean) / 1e6
    scanner.hits(clean[:10])
    scanner.write(clean)
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        scanner.scan()
        taken.append(time.process_time() - start)
    return Measurement(
        figure="leaks", what=f"scanning for {indexed:,} questions, a core", unit=" MB/s", at_least=150,
        aim=150,
        measured=size / sorted(taken)[len(taken) // 2], at_full_size=True,
        on=f"{len(clean):,} rows, {size:.0f} MB, reading parquet included",
    )  # fmt: skip


def _chained(asked: Sequence[Questions], count: int) -> Iterator[str]:
    """Yield made-up questions: each word follows the one before it somewhere in the real ones."""
    chance = random.Random(SEED)
    texts = [text.split() for questions in asked for text in questions.texts.drop_nulls() if text.split()]
    following: dict[str, list[str]] = {}
    for words in texts:
        for one, two in itertools.pairwise(words):
            following.setdefault(one, []).append(two)
    for _ in range(count):
        words = [chance.choice(texts)[0]]
        for _ in range(chance.randint(12, 90)):
            known = following.get(words[-1]) if chance.random() > 0.15 else None
            words.append(chance.choice(known or chance.choice(texts)[:1]))
        yield " ".join(words)


def _finding(what: str, share: float, least: float, on: str) -> Measurement:
    return Measurement(figure="leaks", what=what, unit="", at_least=least, aim=least, measured=share, on=on)
