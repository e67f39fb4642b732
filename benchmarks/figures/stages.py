"""Every stage before sampling, together, beside a plain polars copy of the same shards."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.generate import Corpus, generate
from benchmarks.measure import last_line, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import folder

SAMPLING = "mix"
"""Stage with whose first word the stages before sampling are over."""

COPY = (
    "import sys, polars as pl\n"
    "for name in ('math', 'chat'):\n"
    "    pl.scan_parquet(f'{sys.argv[1]}/{name}/*.parquet').sink_parquet(f'{sys.argv[2]}/{name}.parquet')\n"
)


def measure(options: Options) -> Sequence[Measurement]:
    """Compare seconds by the clock, both sides with all cores and from the same warm files."""
    rows = options.size(tiny=60, short=50_000, full=500_000)
    corpus = Corpus(rows=rows, bytes_per_row=20_000, chat_share=0.02, languages=("en", "en", "en", "zh"))
    stages: list[dict[str, float]] = []
    with folder(options, "stages") as work:
        recipe = generate(corpus, work / "rows")
        size = sum(path.stat().st_size for path in (work / "rows").rglob("*.parquet"))

        def ours() -> float:
            shutil.rmtree(work / "store", ignore_errors=True)
            spent = run([sys.executable, "-m", "benchmarks.timeline", recipe, work / "store", SAMPLING])
            stages.append(durations(json.loads(last_line(spent.output))))
            return before_sampling(stages[-1])

        taken = medians(options.rounds, thinkmix=ours, copy=lambda: _copy(recipe.parent, work / "copy"))
    typical = min(stages, key=lambda one: abs(before_sampling(one) - taken["thinkmix"]))
    finding = Measurement(
        figure="stages",
        what="every stage before sampling, vs a polars copy of the same shards",
        unit="×",
        at_least=4,
        aim=2,
        less_is_better=True,
        at_full_size=True,
        measured=taken["thinkmix"] / taken["copy"],
        on=f"{rows:,} generated rows of 20 kB, {rows * 0.98 * 2e-5:.2g} GB, {size / 1e9:.2g} GB of parquet",
        notes=(
            f"thinkmix {taken['thinkmix']:.1f} s, copy {taken['copy']:.1f} s",
            "stages: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in typical.items()),
        ),
    )
    return [finding]


def durations(timeline: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return how long each stage was the last to have begun, in order; `start` is what came before all."""
    begun = sorted(timeline["begun"].items(), key=lambda item: item[1])
    names = ["start", *(name for name, _ in begun)]
    times = [0.0, *(time for _, time in begun), float(timeline["end"])]
    return {name: times[i + 1] - times[i] for i, name in enumerate(names)}


def before_sampling(stages: dict[str, float]) -> float:
    """Return the seconds of all stages that begin before sampling does."""
    names = list(stages)
    return sum(stages[name] for name in names[: names.index(SAMPLING)])


def _copy(source: Path, out: Path) -> float:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    return run([sys.executable, "-c", COPY, source, out]).wall
