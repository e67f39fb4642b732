"""The stage that finds rows which repeat an evaluation: questions to an index, shards to overlaps."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.decontaminate import contamination
from thinkmix.curation.read.read import RawRow, read_rows, slices
from thinkmix.flows.build.jobs import Run, Shard, height, job, run_jobs
from thinkmix.flows.sources import local
from thinkmix.flows.store.store import StageOutput, Store
from thinkmix.schemas.artifact import InputFile, Snapshot
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.recipe import Benchmark, Decontamination

STAGE = "decontaminate"

_ANY_SIZE = 2**31


class Evaluation(NamedTuple):
    """One benchmark of the recipe and the files of its questions."""

    benchmark: Benchmark
    files: tuple[InputFile, ...]


def fetch(store: Store, plan: Decontamination, snapshots: Sequence[Snapshot], base: Path) -> list[Evaluation]:
    """Return the files, verified."""
    both = zip(plan.benchmarks, snapshots, strict=True)
    return [
        Evaluation(benchmark, local.fetch(benchmark, snapshot, base=base, into=store.downloads))
        for benchmark, snapshot in both
    ]


def overlaps(
    run: Run, shards: Sequence[Shard], evaluations: Sequence[Evaluation], plan: Decontamination
) -> list[StageOutput]:
    """Return per shard which of its valid rows repeat a question; nothing if there are no questions."""
    if not evaluations:
        return []
    asking = job(
        run,
        "questions",
        "questions",
        partial(_questions, list(evaluations), plan.ngram),
        files=[
            (benchmark.name, benchmark.field, benchmark.rows, [file.sha256 for file in files])
            for benchmark, files in evaluations
        ],
        ngram=plan.ngram,
    )
    questions = run_jobs(run, [asking], stage="questions")[0]
    jobs = [
        job(
            run,
            "overlap",
            shard.label,
            partial(_overlap, shard.keys, questions, plan.ngram),
            keys=shard.validated.files["keys.parquet"],
            questions=questions.files,
            names=questions.result["benchmarks"],
            ngram=plan.ngram,
        )
        for shard in shards
    ]
    return run_jobs(run, jobs, stage=STAGE, total=sum(shard.valid for shard in shards))


# What follows runs inside a worker, into the folder that it is given.


def _questions(evaluations: Sequence[Evaluation], ngram: int, out: Path) -> dict[str, object]:
    asked = [
        contamination.Questions(benchmark.name, _texts(benchmark, files)) for benchmark, files in evaluations
    ]
    benchmarks = contamination.write_questions(asked, out / "questions.index", ngram=ngram)
    return {"benchmarks": benchmarks.model_dump(), "rows": sum(benchmarks.questions)}


def _texts(benchmark: Benchmark, files: Sequence[InputFile]) -> pl.Series:
    """Return the questions of a benchmark.

    Raises:
        RecipeError: naming the file and row that has none.
    """
    pieces = [piece for file in files for piece in slices(file.name, file.path, file.sha256, benchmark.rows)]
    rows = ((piece.file, row) for piece in pieces for row in read_rows(piece, max_row_bytes=_ANY_SIZE))
    return pl.Series([question(benchmark, file, row) for file, row in rows], dtype=pl.String)


def question(benchmark: Benchmark, file: str, row: RawRow) -> str:
    """Return what a row of a benchmark's file asks.

    Raises:
        RecipeError: naming the file and the row if it asks nothing.
    """
    text = row.values.get(benchmark.field) if isinstance(row.values, dict) else None
    if not isinstance(text, str):
        where = f"benchmark {benchmark.name}: {file}: row {row.number}"
        msg = f"{where} has no text in field {benchmark.field!r}; name the field of the question"
        raise RecipeError(msg)
    return text


def _overlap(keys: Path, questions: StageOutput, ngram: int, out: Path) -> dict[str, object]:
    benchmarks = contamination.Benchmarks.model_validate(questions.result["benchmarks"])
    index = questions.folder / "questions.index"
    found = contamination.find_overlap(keys, index, benchmarks, ngram=ngram)
    found.write_parquet(out / "overlap.parquet")
    return {"rows": height(keys)}
