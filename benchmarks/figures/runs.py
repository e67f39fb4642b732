"""What a run costs when nothing changed, and when 1 % of the rows of one of a hundred shards did."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.generate import Corpus, generate
from benchmarks.measure import THINKMIX, Spent, run
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import folder, overwrite

SHARDS = 100
CHANGED = 0.01


def measure(options: Options) -> Sequence[Measurement]:
    """Build, build again, change a shard, build again; then the same changed rows from nothing."""
    rows = options.size(tiny=400, short=50_000, full=250_000)
    with folder(options, "runs") as work:
        size = options.size(tiny=500, short=20_000, full=20_000)
        corpus = Corpus(rows=rows, bytes_per_row=size, shard_rows=rows // SHARDS)
        recipe = generate(corpus, work / "rows")
        first, full = _build(recipe, work / "store")
        second, unchanged = _build(recipe, work / "store")
        edited = change(work / "rows")
        third, changed = _build(recipe, work / "store")
        scratch, _ = _build(recipe, work / "scratch")
    if first != second or third != scratch or third == first:
        raise RuntimeError("a rebuild is not what a build from nothing makes")
    notes = (
        f"full {_spent(full)}, unchanged {_spent(unchanged)}, {edited} rows changed {_spent(changed)}",
        "the changed rebuild has the digest of a build from nothing",
    )
    on = f"{rows:,} generated rows, math of 20 kB, {SHARDS} shards, 2 cores"
    about = {"figure": "runs", "unit": " %", "on": on, "notes": notes, "less_is_better": True}
    return [
        Measurement(
            what="run without a change, of a full build's time", at_least=5, aim=2,
            measured=100 * unchanged.wall / full.wall, **about,
        ),
        Measurement(
            what="run with 1 % of one of 100 shards changed, of a full build's time", at_least=15, aim=5,
            measured=100 * changed.wall / full.wall, **about,
        ),
    ]  # fmt: skip


def change(rows: Path) -> int:
    """Reword the problem of 1 % of the rows of one math shard; return how many."""
    path = sorted((rows / "math").glob("*.parquet"))[17 % len(list((rows / "math").iterdir()))]
    frame = pl.read_parquet(path)
    count = max(1, round(frame.height * CHANGED))
    number = pl.int_range(pl.len())
    reworded = pl.col("problem") + pl.format(" Explain step {} in your own words.", number)
    overwrite(path, frame.with_columns(problem=pl.when(number < count).then(reworded).otherwise("problem")))
    return count


def _build(recipe: Path, store: Path) -> tuple[str, Spent]:
    command = [*THINKMIX, "build", recipe, "--direct", "--json", "--store", store, "--workers", 2]
    spent = run(command)  # who watches takes a fifth of a core of two
    return json.loads(spent.output)["version"], spent


def _spent(spent: Spent) -> str:
    return f"{spent.wall:.1f} s ({spent.cpu:.1f} CPU s)"
