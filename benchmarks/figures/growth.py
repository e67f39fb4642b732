"""Whether a row costs more when there are more of them: whole builds of small rows, few and many."""

from collections.abc import Sequence
from functools import partial

from benchmarks.generate import Corpus, generate
from benchmarks.measure import THINKMIX, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import folder

TIMES = 16


def measure(options: Options) -> Sequence[Measurement]:
    """Compare CPU seconds per row, which a busy machine does not blur; once for the many, which take long."""
    few = options.size(tiny=100, short=15_000, full=250_000)
    many = few * TIMES
    taken = medians(options.rounds, few=partial(_build, options, few))
    taken |= medians(1, many=partial(_build, options, many))
    per_row = {"few": taken["few"] / few, "many": taken["many"] / many}
    finding = Measurement(
        figure="growth",
        what=f"CPU time per row at {TIMES} times the rows",
        unit="×",
        at_least=1.15,
        aim=1.0,
        less_is_better=True,
        at_full_size=True,
        measured=per_row["many"] / per_row["few"],
        on=f"{many:,} generated rows of 200 B, vs {few:,}",
        notes=tuple(
            f"{count:,} rows: {per_row[name] * 1e6:.0f} µs per row"
            for name, count in (("few", few), ("many", many))
        ),
    )
    return [finding]


def _build(options: Options, rows: int) -> float:
    with folder(options, "growth") as work:
        recipe = generate(Corpus(rows=rows, bytes_per_row=200, shard_rows=250_000), work / "rows")
        build = [*THINKMIX, "build", recipe, "--direct", "--json", "--store", work / "store", "--workers", 2]
        return run(build).cpu
