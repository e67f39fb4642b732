"""Rows that repeat the questions of an evaluation: word n-grams in common, exactly.

A row is contaminated if any run of `ngram` words of its compared text is in a question; a question with fewer
words counts only as a whole. Words are those of `thinkmix.curation.text.shingles`. The customary length is 13
(Brown et al. 2020, appendix C); what shares a common phrase of that length by chance is lost with them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from thinkmix.curation.files.index import open_index, write_index
from thinkmix.curation.tables import OVERLAP
from thinkmix.curation.text.kernels import Hashes
from thinkmix.curation.text.shingles import shingle_hashes
from thinkmix.schemas.record import Record

_BATCH_ROWS = 16_384


class Questions(NamedTuple):
    """The questions of one benchmark."""

    name: str
    texts: pl.Series


class Benchmarks(Record):
    """Which benchmarks an index is about: names and numbers of questions, in its order."""

    names: tuple[str, ...]
    questions: tuple[int, ...]

    def question(self, number: int) -> str:
        """Return what a person calls a question of the index: its benchmark, and its number there."""
        for name, count in zip(self.names, self.questions, strict=True):
            if number < count:
                return f"{name}, question {number}"
            number -= count
        raise IndexError(number)


def write_questions(benchmarks: Sequence[Questions], out: Path, *, ngram: int) -> Benchmarks:
    """Write an index of all n-grams of all questions.

    Args:
        benchmarks: the questions, null counts as empty; at least one benchmark.
        out: index file to write, shape (2, n): n-grams in ascending order, and the first question of each.
        ngram: words in a run, 1 to 32.
    """
    texts = [pl.Series(benchmark.texts, dtype=pl.String) for benchmark in benchmarks]
    hashes, offsets = shingle_hashes(
        pl.concat(texts) if texts else pl.Series([], dtype=pl.String), shingle=ngram
    )
    owners = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint64), np.diff(offsets))
    distinct, first = np.unique(hashes, return_index=True)
    write_index(out, np.stack([distinct, owners[first]]), _about(ngram))
    return Benchmarks(
        names=tuple(benchmark.name for benchmark in benchmarks),
        questions=tuple(len(benchmark.texts) for benchmark in benchmarks),
    )


def find_overlap(keys: Path, index: Path, benchmarks: Benchmarks, *, ngram: int) -> pl.DataFrame:
    """Return the contaminated rows of one shard, schema `OVERLAP`.

    Args:
        keys: shard with a column `text`.
        index: what `write_questions` wrote.
        benchmarks: what it returned.
        ngram: words in a run.

    Raises:
        ValueError: if the index is of n-grams of another length.
    """
    known, owners = open_index(index, _about(ngram))
    found: list[pl.DataFrame] = [pl.DataFrame(schema=OVERLAP)]
    done = 0
    with pq.ParquetFile(keys) as shard:
        for batch in shard.iter_batches(_BATCH_ROWS, columns=["text"]):
            places, questions, shared = _hits(pl.Series(batch.column(0)), known, owners, ngram)
            details = [
                f"{benchmarks.question(int(question))}: {count} runs of {ngram} words"
                for question, count in zip(questions, shared, strict=True)
            ]
            found.append(pl.DataFrame({"place": places + done, "detail": details}, schema=OVERLAP))
            done += len(batch)
    return pl.concat(found)


def _hits(
    texts: pl.Series, known: Hashes, owners: Hashes, ngram: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which texts share n-grams with a question, the first such question, and how many they share."""
    hashes, offsets = shingle_hashes(texts, shingle=ngram)
    if not len(known) or not len(hashes):
        return (np.empty(0, np.int64),) * 3
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    hit = np.flatnonzero(known[at] == hashes)
    text = np.searchsorted(offsets, hit, side="right") - 1
    places, first, shared = np.unique(text, return_index=True, return_counts=True)
    return places, owners[at[hit[first]]], shared


def _about(ngram: int) -> dict[str, object]:
    return {"index": "evaluation questions", "ngram": ngram}
