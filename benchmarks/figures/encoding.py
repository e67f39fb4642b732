"""Encoding a mixture for training: tokens per core beside `datasets.map`, labels, and how full packs are."""

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.measure import cpu_seconds, last_line, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import python_of, script
from benchmarks.rows import described, folder, mixture
from thinkmix.schemas.training import TrainPlan
from thinkmix.templates.chat.tokenizer import tokenizer_path
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import Rows, index_rows, plan_steps, read_manifest


def measure(options: Options) -> Sequence[Measurement]:
    """Encode one mixture both ways, and compare every label with that of the official template."""
    versions: dict[str, str] = {}
    with folder(options, "encoding") as work:
        version = mixture(options, work)
        files = sorted(version.glob("train-*.parquet"))
        rows, tokens = _encoded(version, work / "cache")

        def theirs() -> float:
            command = [python_of("datasets"), script("encode_map"), tokenizer_path(), *files]
            result = json.loads(last_line(run(command).output))
            assert result["tokens"] == len(tokens.ids)
            versions.update(result["versions"])
            return float(result["cpu"])

        def ours() -> float:
            shutil.rmtree(work / "cache")
            return cpu_seconds(partial(_encoded, version, work / "cache"))

        taken = medians(options.rounds, ours=ours, theirs=theirs)
        labels = [python_of("datasets"), script("template_labels"), tokenizer_path().parent]
        run([*labels, work / "labels.parquet", *files])
        wrong = _wrong_labels(work / "labels.parquet", rows, tokens)
        full = _filled(rows, TrainPlan())
    rates = {name: len(tokens.ids) / seconds / 1e6 for name, seconds in taken.items()}
    notes = (
        f"thinkmix {rates['ours']:.1f} M tokens/s, verified and synchronised to disk",
        f"`datasets.map` {rates['theirs']:.2f} M tokens/s",
        f"packs of 16,384 tokens: {full:.2%} filled, no token of padding",
    )
    stated = ", ".join(f"{name} {number}" for name, number in versions.items())
    on = f"{rows.frame.height:,} examples, {len(tokens.ids) / 1e6:.1f} M tokens, {described(options)}"
    about = {"figure": "encoding", "on": on, "notes": notes, "versions": stated}
    return [
        Measurement(
            what="encoding for training per core, vs `datasets.map`", unit="×",
            at_least=5, aim=10, measured=rates["ours"] / rates["theirs"], **about,
        ),
        Measurement(
            what="examples whose ids or labels differ from the official template's", unit="",
            at_least=0, aim=0, measured=wrong, less_is_better=True, **about,
        ),
        Measurement(
            what="budget that packing leaves unused", unit=" %", at_least=2, aim=1,
            measured=100 * (1 - full), less_is_better=True, **about,
        ),
    ]  # fmt: skip


def _encoded(version: Path, cache: Path) -> tuple[Rows, Tokens]:
    manifest = read_manifest(version, digest=version.name)
    rows = index_rows(version, manifest, split="train", max_tokens=16_384)
    return rows, open_tokens(rows, split="train", mixture=version.name, folder=cache, workers=1)


def _wrong_labels(reference: Path, rows: Rows, tokens: Tokens) -> int:
    """Return how many examples have other ids or labels than the reference, or none."""
    number = {name: place for place, name in enumerate(rows.frame["id"])}
    same = 0
    for batch in pq.ParquetFile(reference).iter_batches(512):
        for row in batch.to_pylist():
            ours = tokens.example(number[row["id"]])
            same += ours.input_ids.tolist() == row["input_ids"] and ours.labels.tolist() == row["labels"]
    return rows.frame.height - same


def _filled(rows: Rows, plan: TrainPlan) -> float:
    """Return which part of its packs' budget an epoch uses."""
    packs = [pack for step in plan_steps(rows, plan) for pack in step]
    return float(rows.lengths()[np.concatenate(packs)].sum() / (len(packs) * plan.batch))
