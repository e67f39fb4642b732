"""The work of decontamination: an index of all questions, and the rows of one shard that repeat one."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.decontaminate import contamination
from thinkmix.curation.decontaminate.asked import questions_of
from thinkmix.curation.decontaminate.settings import QuestionSettings, ScanPlan
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.shards import height
from thinkmix.curation.read.read import RawSlice, read_rows
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.plain import plain

_ANY_SIZE = 2**31


class Evaluation(NamedTuple):
    """One benchmark of the recipe, and its files in slices."""

    benchmark: QuestionSettings
    pieces: tuple[RawSlice, ...]


def questions(out: Path, evaluations: Sequence[Evaluation], allow: Sequence[str]) -> dict[str, object]:
    """Write `words.index` and `anchors.index`, of the questions of all benchmarks.

    Raises:
        RecipeError: naming an allowed question that is in none of them.
    """
    asked = [
        contamination.Questions(benchmark.name, _texts(benchmark, pieces))
        for benchmark, pieces in evaluations
    ]
    benchmarks = contamination.write_questions(asked, out, allowed=allow)
    _check_allowed(allow, benchmarks)
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


def overlap(
    out: Path, said: Blob, words: Blob, anchors: Blob, known: object, plan: ScanPlan
) -> dict[str, object]:
    """Write `overlap.parquet` (schema `tables.OVERLAP`): the valid rows of a shard that repeat a question."""
    benchmarks = contamination.Benchmarks.model_validate(known)
    index = _index(words.path, anchors.path, benchmarks)
    found = contamination.find_overlap(said.path, index, benchmarks, score=plan.score)
    if plan.near == "off":
        found = found.filter(action="drop")
    elif plan.near == "drop":
        found = found.with_columns(action=pl.lit("drop"))
    found.write_parquet(out / "overlap.parquet")
    return {"rows": height(said.path)}


@lru_cache(maxsize=1)
def _index(words: Path, anchors: Path, benchmarks: contamination.Benchmarks) -> contamination.Index:
    """Return the index that all shards of a build are scanned with; a process reads it once."""
    return contamination.read_questions(words, anchors, benchmarks)


def _check_allowed(allow: Sequence[str], benchmarks: contamination.Benchmarks) -> None:
    """Refuse a name without a question: it would allow nothing."""
    counts = dict(zip(benchmarks.names, benchmarks.questions, strict=True))
    for name in allow:
        benchmark, _, number = name.rpartition("/")
        if not (number.isdecimal() and int(number) < counts.get(benchmark, 0)):
            raise unknown_question(name)


def unknown_question(name: str) -> RecipeError:
    """Return what is said of an allowed question that is not there."""
    shown = plain(name, 80)
    msg = f"decontaminate.allow: there is no question {shown!r}; write benchmark/number, from 0 on"
    return RecipeError(msg)
