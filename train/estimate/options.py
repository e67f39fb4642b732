"""Which methods fit which card, and what to change where one does not."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from thinkmix.schemas.training import Method, TrainPlan
from thinkmix.train.estimate.gpus import Gpu
from thinkmix.train.estimate.memory import Memory, estimate, load_of
from thinkmix.train.estimate.shapes import ModelShape

METHODS: tuple[Method, ...] = get_args(Method)

PREFERRED: tuple[Method, ...] = ("lora", "qlora8", "qlora4")
"""The order in which a method is proposed: the fewer bits, the more quantisation noise."""

LEAST_TOKENS = 512
"""Shortest batch that is proposed; below it a change of method says more."""


@dataclass(frozen=True)
class Size:
    """How much a run reads at once."""

    tokens: int
    """Tokens of the largest batch, padding included."""
    longest: int
    """Tokens of the longest row."""


@dataclass(frozen=True)
class Option:
    """A way to train, and the memory that it needs."""

    plan: TrainPlan
    size: Size
    memory: Memory


@dataclass(frozen=True)
class Change:
    """The least change to an option that makes it fit a card."""

    option: Option
    """Its plan is the changed one."""
    words: tuple[str, ...]
    """What is changed, such as `checkpointing true`; nothing when it fits as it is."""


def option(shape: ModelShape, plan: TrainPlan, size: Size) -> Option:
    """Return a plan beside the memory that it needs for batches of this size."""
    load = load_of(plan, tokens=size.tokens, longest=size.longest)
    return Option(plan, size, estimate(shape, load))


def with_method(plan: TrainPlan, method: Method) -> TrainPlan:
    """Return the plan with another method, without the settings that this method has no use for."""
    if method == plan.method:
        return plan
    idle = {"init"}
    if method not in PREFERRED:
        idle |= {"dora", "rslora", "dropout"}
    if method not in ("qlora4", "qlora8"):
        idle |= {"keep_16bit"}
    return TrainPlan.model_validate({**plan.model_dump(exclude=idle), "method": method})


def least_change(shape: ModelShape, chosen: Option, gpu: Gpu) -> Change | None:
    """Return the least change that makes an option fit a card with headroom, or None when none does.

    Tried in this order: nothing, checkpointing, an optimiser that keeps its moments in 8 bit, fewer tokens
    at once, and more batches a step instead.
    """
    for plan, words in _steps(chosen.plan):
        tried = option(shape, plan, chosen.size)
        if gpu.verdict(tried.memory.total) == "fits":
            return Change(tried, words)
    tokens = _most_tokens(shape, plan, chosen.size, gpu)
    if tokens is None:
        return None
    batch = "batch and max_tokens" if plan.max_tokens > tokens else "batch"
    more = math.ceil(plan.accumulate * chosen.size.tokens / tokens)
    fewer = {"batch": tokens, "max_tokens": min(plan.max_tokens, tokens), "accumulate": more}
    smaller = option(shape, plan.model_copy(update=fewer), Size(tokens, min(tokens, chosen.size.longest)))
    return Change(smaller, (*words, f"{batch} {tokens}", f"accumulate {more}"))


def _steps(plan: TrainPlan) -> Iterator[tuple[TrainPlan, tuple[str, ...]]]:
    words: tuple[str, ...] = ()
    yield plan, words
    if not plan.checkpointing:
        plan, words = plan.model_copy(update={"checkpointing": True}), (*words, "checkpointing true")
        yield plan, words
    if plan.optimiser == "adamw" and plan.method in ("full", "freeze"):
        plan, words = plan.model_copy(update={"optimiser": "adamw8bit"}), (*words, "optimiser adamw8bit")
        yield plan, words


def _most_tokens(shape: ModelShape, plan: TrainPlan, size: Size, gpu: Gpu) -> int | None:
    """Return the most tokens at once that fit, in steps of LEAST_TOKENS; memory grows with every token."""
    few, many = 0, size.tokens // LEAST_TOKENS
    while few < many:
        half = (few + many + 1) // 2
        tokens = half * LEAST_TOKENS
        tried = option(shape, plan, Size(tokens, min(tokens, size.longest)))
        if gpu.verdict(tried.memory.total) == "fits":
            few = half
        else:
            many = half - 1
    return few * LEAST_TOKENS or None


def propose(
    shape: ModelShape, plan: TrainPlan, size: Size, gpu: Gpu, *, methods: tuple[Method, ...] = PREFERRED
) -> Change | None:
    """Return the first method that fits and leaves out no row, else the one that reads most at once."""
    every = [least_change(shape, option(shape, with_method(plan, method), size), gpu) for method in methods]
    found = [change for change in every if change]
    whole = [change for change in found if change.option.size.tokens >= size.longest]
    return next(iter(whole), max(found, key=lambda change: change.option.size.tokens, default=None))
