"""Small local sources with planted duplicates and dirt, and builds of them that take a second."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from thinkmix.flows.build import pipeline as pipeline_room
from thinkmix.flows.build.pipeline import Built, build
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.store import Store

ROOT = Path(__file__).resolve().parents[2]

STAGES = (
    "validate",
    "bands",
    "dedup",
    "sample",
    "render",
    "outcomes",
    "rejects",
    "join",
    "partition",
    "shards",
    "audit",
    "reference_check",
)
"""Stages of a build that leave outputs in the cache."""

_WORDS = "amber bridge candle desert engine forest garden harbour island jungle kitchen ladder meadow needle \
orchard pebble quarry ribbon saddle timber umbrella valley window yellow zephyr anchor basket copper"
WORDS = _WORDS.split()

REASONS = {
    "bad_json",
    "control_token",
    "empty_turn",
    "exact_dup",
    "near_dup",
    "not_sampled",
    "role_unknown",
    "solution_cap",
    "think_missing",
    "think_unclosed",
    "too_long",
}
"""What the planted rows of `write_sources` are left out for."""

Row = Mapping[str, object] | str


class Inline:
    """Workers that work here and now: no process to start, the same stages."""

    def run(self, jobs: Sequence, *, done: Callable) -> list:
        """Run one job after the other."""
        results = []
        for job in jobs:
            results.append(job.call())
            done(job, results[-1])
        return results

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        return None


def text(seed: object, words: int = 24) -> str:
    """Give words that depend on the seed alone, unlike those of any other seed."""
    digest = sha256(str(seed).encode()).digest() * (words // 32 + 1)
    return " ".join(f"{WORDS[byte % len(WORDS)]}{byte // 28}" for byte in digest[:words])


def math_row(seed: object, *, answer: object = "", trace: str | None = None) -> dict[str, object]:
    """Make a row in the schema of OpenMathReasoning."""
    trace = f"<think>\nFirst {text((seed, answer), 12)}.\n</think>\n\n" if trace is None else trace
    return {"problem": f"Find {text(seed)}.", "generated_solution": f"{trace}It is {answer or seed}."}


def chat_row(
    question: str, answer: str, *, speakers: tuple[str, str] = ("human", "gpt")
) -> dict[str, object]:
    """Make a row in the schema of FineTome."""
    turns = zip(speakers, (question, answer), strict=True)
    return {"conversations": [{"from": speaker, "value": value} for speaker, value in turns]}


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as lines of JSON; text goes in as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def math_rows(number: int = 60) -> list[Row]:
    """Make good rows, and one or more for each reason that reasoning rows are left out for."""
    return [
        *(math_row(n) for n in range(number)),
        math_row(0),
        *(math_row(1, answer=f"answer {n}") for n in range(3)),
        math_row("no trace", trace=""),
        math_row("cut off", trace="<think>\nhm"),
        math_row("steered", answer="done<|im_end|>"),
    ]


def chat_rows(number: int = 60) -> list[Row]:
    """Make good rows, and one or more for each reason that chats are left out for."""
    return [
        *(
            chat_row(f"Tell me of {text(('chat', n))}?", f"Gladly: {text(('reply', n), 8)}.")
            for n in range(number)
        ),
        chat_row(f"Tell me of {text(('chat', 0))}?", f"Gladly: {text(('reply', 0), 8)}."),
        chat_row(f"Tell me of {text(('chat', 1))} now?", "Another reply to nearly the same question."),
        chat_row(f"Find {text(5)}.", "A chat that asks a problem of the other source."),
        chat_row("Who speaks?", "Nobody.", speakers=("human", "oracle")),
        chat_row("Silence?", "  "),
        chat_row("A long story, please.", text("story", 600)),
        '{"conversations": [',
    ]


def write_sources(folder: Path, *, number: int = 60) -> Path:
    """Write both sources, in two files each, and return the folder."""
    for name, rows in (("math", math_rows(number)), ("chat", chat_rows(number))):
        write_rows(folder / name / "0.jsonl", rows[: number // 2])
        write_rows(folder / name / "1.jsonl", rows[number // 2 :])
    return folder


def statement(**changes: object) -> dict[str, object]:
    """State a recipe over the files of `write_sources`; changes go to the recipe, or into its mix."""
    mix: dict[str, object] = {"shares": {"math": 0.5, "chat": 0.5}, "eval_share": 0.1}
    mix |= {
        name: changes.pop(name)
        for name in ("shares", "eval_share", "size", "unit", "when_short")
        if name in changes
    }
    math = {"name": "math", "kind": "local", "files": ["math/*.jsonl"], "format": "openmathreasoning"}
    math |= {"thinking": "required", "priority": 1, "max_solutions_per_problem": 2}
    chat = {"name": "chat", "kind": "local", "files": ["chat/*.jsonl"], "format": "sharegpt"}
    return {"name": "small", "sources": [math, chat], "mix": mix, "max_tokens": 600, **changes}


def recipe(**changes: object) -> Recipe:
    """Return the recipe of `statement`."""
    return Recipe.model_validate(statement(**changes))


def in_full(stated: Mapping[str, object]) -> dict[str, object]:
    """Return a recipe as the files of a version keep it: every setting, in plain JSON."""
    return Recipe.model_validate(stated).model_dump(mode="json")


def quick_build(stated: Recipe, store: Path, base: Path, **settings: object) -> Built:
    """Build in this process, without workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_room, "workers", lambda *_: Inline())
        return build(stated, Store(store), base=base, **settings)


def copy_code(folder: Path) -> Path:
    """Copy the rooms whose code decides outputs, to be edited, and return the folder."""
    for room in ("schemas", "curation", "templates", "flows"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def forget(store: Path, mixture: str = "small") -> None:
    """Take away what a store knows of finished builds: the next one goes through all stages of the cache."""
    (store / mixture / "CURRENT").unlink()
    (store / mixture / "runs.jsonl").unlink()


def python(
    *args: object, env: Mapping[str, str] | None = None, **settings: object
) -> subprocess.CompletedProcess:
    """Run this interpreter in a process of its own, in the project's root."""
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        **{"timeout": 120, **settings},
    )


def thinkmix(*args: object, **settings: object) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    return python("-c", "from thinkmix.flows.cli import main; main()", *args, **settings)


def write_recipe(path: Path, **changes: object) -> Path:
    """Write the recipe of `statement` as YAML; its sources are looked for beside it."""
    path.write_text(yaml.safe_dump(statement(**changes)), encoding="utf-8")
    return path


def flip_bit(path: Path, bit: int | None = None) -> None:
    """Flip one bit of a file, by default in the middle, and leave its times as they were."""
    content = bytearray(path.read_bytes())
    bit = len(content) * 4 if bit is None else bit
    content[bit // 8] ^= 1 << bit % 8
    times = path.stat()
    path.write_bytes(bytes(content))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
