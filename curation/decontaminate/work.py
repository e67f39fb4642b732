"""The work of decontamination: an index of all questions, and the rows of one shard that repeat one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.decontaminate import contamination
from thinkmix.curation.decontaminate.asked import questions_of
from thinkmix.curation.decontaminate.settings import QuestionSettings
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.shards import height
from thinkmix.curation.read.read import RawSlice, read_rows

_ANY_SIZE = 2**31


class Evaluation(NamedTuple):
    """One benchmark of the recipe, and its files in slices."""

    benchmark: QuestionSettings
    pieces: tuple[RawSlice, ...]


def questions(out: Path, evaluations: Sequence[Evaluation], ngram: int) -> dict[str, object]:
    """Write `questions.index`, of the questions of all benchmarks."""
    asked = [
        contamination.Questions(benchmark.name, _texts(benchmark, pieces))
        for benchmark, pieces in evaluations
    ]
    benchmarks = contamination.write_questions(asked, out / "questions.index", ngram=ngram)
    return {"benchmarks": benchmarks.model_dump(), "rows": sum(benchmarks.questions)}


def _texts(benchmark: QuestionSettings, pieces: Sequence[RawSlice]) -> pl.Series:
    """Return the questions of a benchmark.

    Raises:
        RecipeError: naming the file and row that has none.
    """
    rows = ((piece.file, row) for piece in pieces for row in read_rows(piece, max_row_bytes=_ANY_SIZE))
    return pl.Series(
        [text for file, row in rows for text in questions_of(benchmark, file, row)], dtype=pl.String
    )


def overlap(out: Path, keys: Blob, index: Blob, known: object, ngram: int) -> dict[str, object]:
    """Write `overlap.parquet` (schema `tables.OVERLAP`): the valid rows of a shard that repeat a question."""
    benchmarks = contamination.Benchmarks.model_validate(known)
    found = contamination.find_overlap(keys.path, index.path, benchmarks, ngram=ngram)
    found.write_parquet(out / "overlap.parquet")
    return {"rows": height(keys.path)}
