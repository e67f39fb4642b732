"""Most memory that a whole build's process tree holds, on some rows and on twice as many."""

from collections.abc import Sequence

from benchmarks.generate import Corpus, generate
from benchmarks.measure import THINKMIX, Spent, run
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import folder


def measure(options: Options) -> Sequence[Measurement]:
    """Sample the resident memory of `thinkmix build` and its workers every tenth of a second."""
    rows = options.size(tiny=300, short=50_000, full=1_000_000)
    once, twice = (_build(options, count) for count in (rows, 2 * rows))
    notes = tuple(
        f"{count:,} rows: {spent.rss / 1e9:.2f} GB resident ({spent.pss / 1e9:.2f} GB if shared pages count "
        f"once), whole build {spent.wall:.0f} s"
        for count, spent in ((rows, once), (2 * rows, twice))
    )
    about = {"figure": "memory", "less_is_better": True, "at_full_size": True, "notes": notes}
    on = "generated rows of 1 kB, 2 workers"
    return [
        Measurement(
            what="peak RSS of a build's process tree", unit=" GB", at_least=3, aim=1.5,
            measured=max(once.rss, twice.rss) / 1e9, on=f"{2 * rows:,} {on}", **about,
        ),
        Measurement(
            what="peak RSS at twice the rows, vs at once", unit="×", at_least=1.15, aim=1.15,
            measured=twice.rss / once.rss, on=f"{rows:,} and {2 * rows:,} {on}", **about,
        ),
    ]  # fmt: skip


def _build(options: Options, rows: int) -> Spent:
    with folder(options, "memory") as work:
        recipe = generate(Corpus(rows=rows, bytes_per_row=1_000, shard_rows=100_000), work / "rows")
        build = [*THINKMIX, "build", recipe, "--direct", "--json", "--store", work / "store", "--workers", 2]
        return run(build, watch=True)
