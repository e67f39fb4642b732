"""A training run's manifest and clock with every optional part filled; made up, no run of anyone's."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from tests.harness.builders import in_full
from thinkmix.flows.pages.training.timing import StepTime, Timing
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.manifest import Manifest, Share, SourceEntry
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.output.result import (
    Answer,
    Counts,
    Evaluation,
    Guarded,
    Loss,
    ModeAnswers,
    ModelFacts,
    ModeReport,
    TrainResult,
)

Text = Callable[[str], str]

STEPS = 200
EVERY = 25
_ROWS = {"chat": 40, "math": 60, "tools": 12}


def same(string: str) -> str:
    """Leave a text as it is."""
    return string


def loss(value: float, rows: int = 40) -> Loss:
    """Return a loss over some rows."""
    return Loss(loss=value, rows=rows, trained_tokens=rows * 100)


def point(step: int, *, total: float, sources: dict[str, float], modes: dict[str, float]) -> Evaluation:
    """Return one point of the curve."""
    return Evaluation(
        step=step,
        total=loss(total, 112),
        by_source={name: loss(value, _ROWS.get(name, 40)) for name, value in sources.items()},
        by_mode={name: loss(value) for name, value in modes.items()},
    )


def curve(*, text: Text = same, falls: float = 0.6) -> tuple[Evaluation, ...]:
    """Return points at which all losses fell by `falls` in all; chat by a tenth of it."""
    names = {name: text(name) for name in _ROWS}
    return tuple(
        point(
            step,
            total=2.0 - gone,
            sources=dict(zip(names.values(), (1.4 - gone / 10, 2.4 - gone, 1.9 - gone / 2), strict=True)),
            modes={"non_thinking": 1.5 - gone / 5, "thinking": 2.4 - gone},
        )
        for step in range(0, STEPS + 1, EVERY)
        for gone in [falls * (1 - math.exp(-step / 60)) / (1 - math.exp(-STEPS / 60))]
    )


def answers(right: int, of: int = 16, *, thinks: bool) -> ModeAnswers:
    """Return counts of answers, `right` of which do as asked."""
    opened = right if thinks else of - right
    return ModeAnswers(answers=of, opened=opened, closed=opened, empty=0, right=right)


def trained(*, text: Text = same, **changes: object) -> TrainResult:
    """Return the manifest of a run at which nobody would have to look twice.

    Args:
        text: what becomes of every free text.
        changes: fields to set otherwise.
    """
    said = "<think>\n12 times 12 is 144.\n</think>\n\nIt is 144.<|im_end|>"
    chat = text("chat")
    result = TrainResult(
        mixture=text("math-7-3"),
        mixture_digest=text("a7" * 32),
        template="qwen3",
        template_sha256=text("1b" * 32),
        tokenizer_sha256=text("2c" * 32),
        model=ModelFacts(
            name=text("Qwen/Qwen3-4B"),
            revision=text("3d" * 20),
            config_sha256=text("4e" * 32),
            device=text("cuda"),
            dtype=text("bfloat16"),
            trainable_parameters=33_030_144,
        ),
        plan=TrainPlan(max_steps=STEPS, eval_every=EVERY, mode_prompts=16, protected={chat: 0.05}),
        counts=Counts(
            rows=3120,
            too_long=12,
            eval_rows=112,
            eval_too_long=1,
            steps=STEPS,
            rows_seen=9360,
            tokens=3_200_000,
            trained_tokens=2_450_000,
            padding_tokens=0,
            packing_efficiency=0.97,
        ),
        losses=tuple(2.1 - 0.6 * (1 - math.exp(-n / 60)) + 0.08 * math.sin(7 * n) for n in range(STEPS)),
        evals=curve(text=text),
        kept_step=STEPS,
        protected={chat: Guarded(tolerance=0.05, before=1.4, worst=1.4, after=1.34)},
        switch=ModeReport(
            thinking=answers(16, thinks=True),
            non_thinking=answers(16, thinks=False),
            samples=(
                Answer(id=text("0f" * 16), mode="thinking", text=text(said)),
                Answer(id=text("1f" * 16), mode="thinking", text=text("<think>\nLet me see")),
                Answer(id=text("0f" * 16), mode="non_thinking", text=text("It is 144.<|im_end|>")),
            ),
        ),
        versions={text("torch"): text("2.13.0"), text("peft"): text("0.21.2")},
        files={text("adapter_model.safetensors"): text("5a" * 32)},
    )
    return result.model_copy(update=changes)


def clock(*, text: Text = same, **changes: object) -> Timing:
    """Return what the clock said of it."""
    timing = Timing(
        began=datetime(2026, 11, 24, 2, tzinfo=UTC),
        seconds=4821.5,
        resumed_at=0,
        steps=tuple(
            StepTime(step=n + 1, seconds=22 + 3 * (n % EVERY == 0), tokens=16_000, trained_tokens=12_250)
            for n in range(STEPS)
        ),
        peak_memory=6_100_000_000,
        peak_device_memory=19_400_000_000,
        device=text("NVIDIA GeForce RTX 4090"),
    )
    return timing.model_copy(update=changes)


def manifest(*, text: Text = same, licence: str | None = "apache-2.0") -> Manifest:
    """Return the manifest of the version that it was trained on: two sources of a hub and one of the disk."""
    stated = [
        {"kind": "hub", "name": "math", "dataset": "nvidia/math", "format": "messages", "files": ["*"]},
        {"kind": "hub", "name": "chat", "dataset": "some/chat", "format": "messages", "files": ["*"]},
        {"kind": "local", "name": "tools", "format": "messages", "files": ["*.jsonl"]},
    ]
    shares = {"math": 0.6, "chat": 0.3, "tools": 0.1}
    recipe = in_full({"name": "mix", "sources": stated, "mix": {"shares": shares}})
    named = [{**source, "name": text(str(source["name"]))} for source in recipe["sources"]]
    return Manifest(
        mixture=text("math-7-3"),
        recipe={**recipe, "sources": named},
        sources=tuple(
            SourceEntry(
                name=text(one["name"]),
                dataset=text(one.get("dataset", one["name"])),
                revision=text("main"),
                commit=text(f"6b{place}" * 10),
                licence=licence and text(licence),
                files=(),
            )
            for place, one in enumerate(stated)
        ),
        template="qwen3",
        template_sha256="1b" * 32,
        tokenizer_sha256="2c" * 32,
        code_sha256="7d" * 32,
        libraries={},
        ledger=Ledger(stages=()),
        shares=tuple(
            Share(
                source=text(name),
                split="train",
                declared=0.3,
                available=4000,
                examples=examples,
                tokens=400 * examples,
                trainable_tokens=300 * examples,
                thinking=examples if name == "math" else 0,
                repeated=0,
            )
            for name, examples in (("math", 1900), ("chat", 900), ("tools", 320))
        ),
        content_sha256="8e" * 32,
        files={},
    )
