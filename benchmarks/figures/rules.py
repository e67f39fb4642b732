"""What a build takes with every rule on, beside the same build without rules."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import THINKMIX, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.rows import described, folder, raw_rows
from thinkmix.curation.rules.known import RULES
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning
from thinkmix.schemas.formats.sharegpt import ShareGPT

FORMATS = {"math": OpenMathReasoning(), "chat": ShareGPT()}

SETTINGS: Mapping[str, Mapping[str, object]] = {}
"""Settings of rules that leave out what is measured apart from this figure, by rule."""


def measure(options: Options) -> Sequence[Measurement]:
    """Build the same rows with all rules and with none, in turns, each into a store of its own."""
    rows = raw_rows(options)
    number = count()
    with folder(options, "rules") as work:
        for name, frame in rows.items():
            frame.write_parquet(work / f"{name}.parquet", row_group_size=4_000)
        recipes = {name: _recipe(work, name, on=name == "all") for name in ("all", "none")}
        digests: dict[str, str] = {}

        def build(name: str) -> float:
            store = work / f"store-{next(number)}"
            spent = run(
                [*THINKMIX, "build", recipes[name], "--direct", "--json", "--store", store, "--workers", 2]
            )
            told = json.loads(spent.output)
            if digests.setdefault(name, told["version"]) != told["version"]:
                raise RuntimeError("two builds of the same rows are not the same")
            return spent.cpu

        taken = medians(options.rounds, **{name: partial(build, name) for name in recipes})
    total = sum(frame.height for frame in rows.values())
    notes = (
        f"CPU seconds of a build with {len(RULES)} rules {taken['all']:.1f}, without {taken['none']:.1f}; "
        f"per row {1e6 * taken['all'] / total:,.0f} and {1e6 * taken['none'] / total:,.0f} µs",
        f"rules: {', '.join(kind.name for kind in RULES)}",
    )
    return [
        Measurement(
            figure="rules",
            what="build with every rule on, of the time without rules",
            unit="×",
            at_least=1.5,
            aim=1.2,
            measured=taken["all"] / taken["none"],
            on=f"{total:,} {described(options)}, CPU seconds, median of {options.rounds} in turns",
            less_is_better=True,
            notes=notes,
        )
    ]


def _recipe(work: Path, name: str, *, on: bool) -> Path:
    """Write a recipe over the rows, with every rule that fits a source on, or with none."""
    sources: list[dict[str, Any]] = [
        {
            "name": source,
            "kind": "local",
            "files": [f"{source}.parquet"],
            "format": rows.type,
            "rules": {
                kind.name: {"action": "flag", **SETTINGS.get(kind.name, {})}
                for kind in RULES
                if on and kind.fits(rows)
            },
        }
        for source, rows in FORMATS.items()
    ]
    mix = {"shares": {"math": 0.5, "chat": 0.5}}
    path = work / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"name": name, "sources": sources, "mix": mix}), encoding="utf-8")
    return path
