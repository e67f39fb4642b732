"""Training an adapter beside TRL's SFTTrainer: trained tokens per second and memory, padded and packed."""

import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import last_line, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import python_of, script
from benchmarks.rows import described, folder, mixture
from thinkmix.schemas.training import TrainPlan
from thinkmix.templates.chat.tokenizer import tokenizer_path
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import RowNumbers, Step, index_rows, plan_steps, read_manifest

SHAPES = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128},
    "short": {"hidden_size": 256, "num_hidden_layers": 4, "intermediate_size": 768},
    "full": {"hidden_size": 1024, "num_hidden_layers": 28, "intermediate_size": 3072},
}
"""Random weights in the shape of Qwen3; `full` is that of Qwen3-0.6B."""


@dataclass
class _Runs:
    """What the rounds of one trainer came to."""

    speeds: list[float] = field(default_factory=list)
    """Trained tokens a second."""
    memory: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def add(self, *, trained: int, report: dict[str, float], rss: int) -> None:
        self.speeds.append(trained / report["seconds"])
        self.memory.append(rss)
        self.losses.append(report["loss"])


def measure(options: Options) -> Sequence[Measurement]:
    """Train one epoch on the same rows by both, first with rows padded to each other, then packed."""
    found: list[Measurement] = []
    with folder(options, "training") as work:
        version = mixture(options, work)
        model = work / "model"
        run([sys.executable, "-m", "benchmarks.training_run", "model", model, json.dumps(_shape(options))])
        for packing in (False, True):
            found += _compared(options, work, version, model, packing=packing)
    return found


def _compared(
    options: Options, work: Path, version: Path, model: Path, *, packing: bool
) -> Sequence[Measurement]:
    plan = TrainPlan(
        dtype="float32", eval_rows=0, packing=packing,
        batch=options.size(tiny=512, short=2048, full=2048),
        max_tokens=options.size(tiny=512, short=1024, full=1024),
        max_steps=options.size(tiny=2, short=4, full=2),
    )  # fmt: skip
    manifest = read_manifest(version, digest=version.name)
    rows = index_rows(version, manifest, split="train", max_tokens=plan.max_tokens)
    tokens = open_tokens(rows, split="train", mixture=version.name, folder=work / "cache")
    steps = plan_steps(rows, plan)
    read = np.concatenate([batch for step in steps for batch in step])
    given = write_rows(tokens, read, work / "rows.parquet")
    settings = work / "settings.json"
    settings.write_text(json.dumps(_settings(plan, steps, read)), encoding="utf-8")
    (work / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
    ours, theirs, trained = _Runs(), _Runs(), tokens.trained(read)
    for _ in range(options.rounds):
        out = empty(work / "ours")
        command = [sys.executable, "-m", "benchmarks.training_run", "fit", version, model, work / "plan.json"]
        spent = run([*command, out / "adapter", work / "cache"], watch=True)
        ours.add(trained=trained, report=json.loads(last_line(spent.output)), rss=spent.rss)
        command = [python_of("trl"), script("trl_sft"), model, given, empty(work / "theirs"), settings]
        spent = run(command, watch=True, HF_HUB_OFFLINE="1")
        report = json.loads(last_line(spent.output))
        theirs.add(trained=trained, report=report, rss=spent.rss)
    return _findings(options, ours, theirs, plan, on=_on(options, plan, tokens, read, len(steps), report))


def _findings(options: Options, ours: _Runs, theirs: _Runs, plan: TrainPlan, *, on: str) -> list[Measurement]:
    speeds = statistics.median(ours.speeds), statistics.median(theirs.speeds)
    memory = statistics.median(ours.memory), statistics.median(theirs.memory)
    way = "packed" if plan.packing else "padded"
    notes = (
        f"{way}: thinkmix {speeds[0]:.0f} trained tokens/s, {memory[0] / 1e9:.2f} GB, mean loss "
        f"{statistics.median(ours.losses):.3f}; TRL {speeds[1]:.0f}, {memory[1] / 1e9:.2f} GB, "
        f"{statistics.median(theirs.losses):.3f}",
    )
    about = {"figure": "training", "unit": "×", "on": on, "notes": notes, "versions": "trl 1.16.0"}
    return [
        Measurement(
            what=f"trained tokens per second, {way}, vs TRL", at_least=1.3, aim=2,
            measured=speeds[0] / speeds[1], **about,
        ),
        Measurement(
            what=f"peak memory of training, {way}, vs TRL", at_least=1, aim=0.7,
            measured=memory[0] / memory[1], less_is_better=True, **about,
        ),
    ]  # fmt: skip


def _shape(options: Options) -> dict[str, int]:
    return SHAPES[options.scale]


def _on(
    options: Options, plan: TrainPlan, tokens: Tokens, read: RowNumbers, steps: int, report: dict[str, int]
) -> str:
    shape = _shape(options)
    model = f"{shape['num_hidden_layers']} layers of {shape['hidden_size']}"
    much = f"{len(read):,} rows, {int(tokens.lengths(read).sum()):,} tokens"
    made = f"{steps} steps (TRL {report['steps']})"
    return f"{model}, LoRA 16, float32, {much} up to {plan.max_tokens:,} a row, {made}, {described(options)}"


def _settings(plan: TrainPlan, steps: Sequence[Step], read: RowNumbers) -> dict[str, object]:
    """Return what TRL is told: packs of the same budget, or on average as many rows at once as ours."""
    return {
        "tokenizer": str(tokenizer_path()),
        "packing": plan.packing,
        "rows_at_once": 1 if plan.packing else max(1, round(len(read) / len(steps))),
        "max_tokens": plan.batch if plan.packing else plan.max_tokens,
        "seed": plan.seed,
        "learning_rate": plan.learning_rate,
    }


def write_rows(tokens: Tokens, read: RowNumbers, path: Path) -> Path:
    """Write the rows that ours trains on as ids and labels, in the same order."""
    examples = [tokens.example(int(row)) for row in read]
    lists = pa.list_(pa.int64())
    columns = {
        "input_ids": pa.array([example.input_ids.astype(np.int64) for example in examples], lists),
        "labels": pa.array([example.labels.astype(np.int64) for example in examples], lists),
    }
    pq.write_table(pa.table(columns), path)
    return path


def empty(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
