"""Training an adapter at a width of 1,024 beside transformers' Trainer and TRL: CPU seconds and memory."""

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures.training import empty, write_rows
from benchmarks.measure import last_line, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import python_of, script
from benchmarks.rows import described, folder, mixture
from thinkmix.schemas.training import TrainPlan
from thinkmix.templates.chat.tokenizer import tokenizer_path
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import RowNumbers, index_rows, plan_steps, read_manifest

OURS, NARROW, WIDE, TRL = "thinkmix", "Trainer, narrow head", "Trainer", "TRL"
"""Ours; a Trainer whose head sees only positions that carry loss; one whose head sees all; SFTTrainer."""

SHAPES = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128},
    "short": {"hidden_size": 1024, "num_hidden_layers": 4, "intermediate_size": 3072},
    "full": {"hidden_size": 1024, "num_hidden_layers": 28, "intermediate_size": 3072},
}
"""Random weights; `full` is the shape of Qwen3-0.6B."""

_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""For all sides: threads that wait for a busy core spend CPU seconds, on whichever side it happens."""


@dataclass
class _Runs:
    """What the rounds of one side came to."""

    cpu: list[float] = field(default_factory=list)
    """CPU seconds of the whole process: imports, loading, steps and saving."""
    memory: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Of each step, in the last round; none of TRL, whose batches are others."""


@dataclass(frozen=True)
class _Given:
    """What all sides are given."""

    version: Path
    model: Path
    plan: TrainPlan
    rows: Path
    batches: Sequence[Sequence[int]]
    """Places in `rows`."""
    work: Path
    size: str
    """Of the model, in words."""
    on: str


def measure(options: Options) -> Sequence[Measurement]:
    """Train all sides on the same rows in turns; the two Trainers also read them in the same batches."""
    with folder(options, "width") as work:
        given = _prepare(options, work)
        sides = {name: _Runs() for name in (OURS, NARROW, WIDE, TRL)}
        for _ in range(options.rounds):
            for name, runs in sides.items():
                _add_run(given, name, runs)
        return _findings(sides, given)


def _prepare(options: Options, work: Path) -> _Given:
    version, model, shape = mixture(options, work), work / "model", SHAPES[options.scale]
    run([sys.executable, "-m", "benchmarks.training_run", "model", model, json.dumps(shape)])
    plan = TrainPlan(
        dtype="float32", eval_rows=0, packing=False, schedule="constant", warmup=0,
        batch=options.size(tiny=512, short=2048, full=1024),  # 28 layers of more tokens take TRL over 20 GB
        max_tokens=options.size(tiny=512, short=1024, full=1024),
        max_steps=options.size(tiny=2, short=3, full=2),
    )  # fmt: skip
    (work / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
    rows = index_rows(
        version, read_manifest(version, digest=version.name), split="train", max_tokens=plan.max_tokens
    )
    tokens = open_tokens(rows, split="train", mixture=version.name, folder=work / "cache")
    batches = [batch for step in plan_steps(rows, plan) for batch in step]
    read = np.concatenate(batches)
    ends = np.cumsum([len(batch) for batch in batches]).tolist()
    places = [list(range(end - len(batch), end)) for end, batch in zip(ends, batches, strict=True)]
    given = write_rows(tokens, read, work / "rows.parquet")
    size = f"{shape['num_hidden_layers']} layers of {shape['hidden_size']:,}"
    return _Given(version, model, plan, given, places, work, size, _on(options, plan, tokens, read))


def _add_run(given: _Given, name: str, runs: _Runs) -> None:
    """Run one side once, in a process of its own."""
    out, work = empty(given.work / "out"), given.work
    settings = work / "settings.json"
    settings.write_text(json.dumps(_settings(given, name)), encoding="utf-8")
    if name == OURS:
        command: list[object] = [sys.executable, "-m", "benchmarks.training_run", "fit", given.version]
        command += [given.model, work / "plan.json", out / "adapter", work / "cache"]
    elif name == TRL:
        command = [python_of("trl"), script("trl_sft"), given.model, given.rows, out, settings]
    else:
        command = [sys.executable, script("trainer_lora"), given.model, given.rows, out, settings]
    spent = run(command, watch=True, HF_HUB_OFFLINE="1", **_ONE_THREAD)
    runs.cpu.append(spent.cpu)
    runs.memory.append(spent.rss)
    runs.losses = json.loads(last_line(spent.output)).get("losses", [])


def _settings(given: _Given, name: str) -> dict[str, Any]:
    plan = given.plan
    common = {"seed": plan.seed, "learning_rate": plan.learning_rate}
    if name == TRL:
        rows = sum(map(len, given.batches))
        rows_at_once = max(1, round(rows / len(given.batches)))
        tokenizer = str(tokenizer_path())
        return {
            **common, "tokenizer": tokenizer, "packing": False, "rows_at_once": rows_at_once,
            "max_tokens": plan.max_tokens,
        }  # fmt: skip
    return {**common, "head": "trained" if name == NARROW else "all", "batches": given.batches}


def _findings(sides: dict[str, _Runs], given: _Given) -> list[Measurement]:
    cpu = {name: statistics.median(runs.cpu) for name, runs in sides.items()}
    memory = {name: statistics.median(runs.memory) for name, runs in sides.items()}
    notes = tuple(
        f"{name} {cpu[name]:.1f} CPU s of the whole process ({', '.join(f'{one:.1f}' for one in runs.cpu)}), "
        f"{memory[name] / 1e9:.2f} GB"
        for name, runs in sides.items()
    )
    about = {"figure": "width", "on": given.on, "notes": notes}
    beside = {**about, "unit": "×", "versions": "transformers 5.23.0, trl 1.16.0"}
    ours, narrow = (np.array(sides[name].losses) for name in (OURS, NARROW))
    apart, size = float(np.abs(ours / narrow - 1).max()), given.size
    return [
        Measurement(
            what=f"CPU time of training {size}, vs a Trainer with a narrow head", at_least=1.2, aim=1.5,
            measured=cpu[NARROW] / cpu[OURS], **beside,
        ),
        Measurement(
            what=f"CPU time of training {size}, vs a Trainer", at_least=1.2, aim=1.5,
            measured=cpu[WIDE] / cpu[OURS], **beside,
        ),
        Measurement(
            what=f"CPU time of training {size}, vs TRL", at_least=1.7, aim=2,
            measured=cpu[TRL] / cpu[OURS], **beside,
        ),
        Measurement(
            what=f"peak memory of training {size}", unit=" GB", at_least=8.5, aim=5.2,
            measured=memory[OURS] / 1e9, less_is_better=True, **about,
        ),
        Measurement(
            what=f"losses of training {size}, relative difference from a Trainer's", unit="",
            at_least=1e-5, aim=1e-6, measured=apart, less_is_better=True, **about,
        ),
    ]  # fmt: skip


def _on(options: Options, plan: TrainPlan, tokens: Tokens, read: RowNumbers) -> str:
    much = f"{len(read):,} rows, {int(tokens.lengths(read).sum()):,} tokens up to {plan.max_tokens:,} a row"
    return f"LoRA 16, float32, one thread, {much}, {plan.max_steps} steps, padded, {described(options)}"
