r"""Edited questions that decontamination finds, and clean rows that it takes for questions.

`python -m benchmarks.contamination` edits 440 real questions (`--real`, default ../shared) as rows of public
sets are edited, adds the problems of the stand-in hub, builds all with this checkout, and prints the part of
each edit that was dropped or flagged. Each question is edited once in each way, in a row of its own, by a
fixed seed.
"""

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.edits import chat, placed
from benchmarks.measure import last_line, run
from benchmarks.peer_envs import python_of, script
from tests.harness.builders import ROOT, quick_build
from thinkmix.flows.recipe.recipe import Recipe

SEED = 20261201
SETS: Mapping[str, int] = {
    "gsm8k": 110,
    "math500": 110,
    "svamp": 110,
    "minerva_math": 55,
    "olympiadbench": 55,
}
"""Questions of each set; 440 in all."""


def edited(real: Path) -> list[dict[str, object]]:
    """Return all rows: `messages`, `edit` and `set`."""
    chance = random.Random(SEED)
    rows: list[dict[str, object]] = []
    for name, count in SETS.items():
        known = [one for one in pl.read_ndjson(real / "benchmarks" / f"{name}.jsonl")["question"] if one]
        for question in chance.sample(known, count):
            for edit, turns in placed(question, chance):
                messages = [{"role": role, "content": content} for role, content in turns]
                rows.append({"messages": messages, "edit": edit, "set": name})
    return rows


def real_rows(real: Path) -> list[dict[str, object]]:
    """Return the problems of the stand-in hub as rows: known questions, near copies of them, and others."""
    shards = sorted((real / "hub/nvidia/OpenMathReasoning/data").glob("*.parquet"))
    problems = pl.concat([pl.read_parquet(shard, columns=["problem", "problem_source"]) for shard in shards])
    return [
        {"messages": _pair(problem, place), "edit": "problems as they are", "set": source}
        for place, (problem, source) in enumerate(problems.iter_rows())
        if problem
    ]


def _pair(question: str, place: int) -> list[dict[str, str]]:
    answer = chat(random.Random(SEED + place))
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def judged(rows: Sequence[Mapping[str, object]], real: Path, work: Path) -> dict[int, str]:
    """Return by row what a build does with it: `drop` or `flag`; the others are clean to it."""
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    (work / "rows.jsonl").write_text(lines, encoding="utf-8")
    asked = sorted((real / "benchmarks").glob("*.jsonl"))
    stated = {
        "name": "edited",
        "sources": [
            {"name": "rows", "kind": "local", "files": ["rows.jsonl"], "format": {"type": "messages"}}
        ],
        "mix": {"shares": {"rows": 1.0}},
        "decontaminate": {
            "benchmarks": [{"name": path.stem.replace("_", "-"), "files": [str(path)]} for path in asked]
        },
    }
    store = work / "store"
    quick_build(Recipe.model_validate(stated), store, work)
    found: dict[int, str] = {}
    (shard,) = store.glob(".cache/validate/*/keys.parquet")
    places = pl.read_parquet(shard, columns=["row"])["row"]
    for path in store.glob(".cache/*/*/overlap.parquet"):
        overlap = pl.read_parquet(path)
        actions = overlap["action"] if "action" in overlap.columns else ["drop"] * len(overlap)
        found |= {places[place]: action for place, action in zip(overlap["place"], actions, strict=True)}
    return found


def main() -> None:
    """Print a line for each edit and set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--real", type=Path, default=ROOT / "../shared", help="folder of real questions and rows"
    )
    parser.add_argument("--oracle", action="store_true", help="compare with convmerge, row by row")
    given = parser.parse_args()
    real = given.real.resolve()
    rows = [*edited(real), *real_rows(real)]
    with TemporaryDirectory() as folder:
        found = judged(rows, real, Path(folder))
    told = pl.DataFrame(
        {
            "edit": [row["edit"] for row in rows],
            "set": [row["set"] for row in rows],
            "action": [found.get(place, "clean") for place in range(len(rows))],
        }
    )
    counted = told.group_by("edit", "set", maintain_order=True).agg(
        rows=pl.len(), drop=(pl.col("action") == "drop").sum(), flag=(pl.col("action") == "flag").sum()
    )
    for edit, name, count, drop, flag in counted.iter_rows():
        part = (drop + flag) / count
        print(f"{edit:<30} {name:<22} {count:>6,} rows {drop:>6,} drop {flag:>6,} flag {part:>7.1%}")
    if given.oracle:
        compare_with_oracle(real)


def compare_with_oracle(real: Path) -> None:
    """Print how many problems of the stand-in hub and first turns of its chats convmerge finds, beside ours.

    convmerge finds a text that has 13 words in a row of a question, whole or not.
    """
    questions = [
        question
        for path in sorted((real / "benchmarks").glob("*.jsonl"))
        for question in pl.read_ndjson(path)["question"]
        if question
    ]
    chats = pl.read_parquet(real / "hub/mlabonne/FineTome-100k/data/*.parquet")["conversations"].to_list()
    asked = [next((turn["value"] for turn in turns if turn["from"] == "human"), "") or "" for turns in chats]
    problems = [row["messages"][0]["content"] for row in real_rows(real)]
    for name, texts in (("problems of the stand-in hub", problems), ("first turns of its chats", asked)):
        with TemporaryDirectory() as folder:
            given = Path(folder) / "texts.json"
            given.write_text(json.dumps({"questions": questions, "texts": texts}), encoding="utf-8")
            told = run([python_of("convmerge"), script("convmerge_leaks"), given]).output
            rows = [{"messages": _pair(text, place)} for place, text in enumerate(texts)]
            ours = judged(rows, real, Path(folder))
        theirs = set(json.loads(last_line(told)))
        dropped = {place for place, action in ours.items() if action == "drop"}
        print(
            f"{name}: convmerge finds {len(theirs):,}; of these {len(theirs & dropped):,} are dropped, "
            f"{len(theirs & ours.keys() - dropped):,} flagged, {len(theirs - ours.keys()):,} not found; "
            f"{len(ours.keys() - theirs):,} others are found"
        )
        for place in sorted(theirs - ours.keys())[:5]:
            print(f"    not found: {texts[place][:150]!r}")


if __name__ == "__main__":
    main()
