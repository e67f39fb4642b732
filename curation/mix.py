"""Composing the mixture: exact shares, drawn and ordered by hash, whole clusters on one side of the split."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import floor, lcm
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.errors import MixtureError
from schemas.manifest import Share
from schemas.recipe import MixPlan

STAGE = "mix"

INDEX = pl.Schema(
    {
        "source": pl.String(),
        "conversation_id": pl.String(),
        "turn": pl.Int64(),
        "cluster": pl.String(),
        "thinking": pl.Boolean(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "text_bytes": pl.Int64(),
        "shard": pl.Int64(),
        "row": pl.Int64(),
    }
)
"""What the draw needs to know of an example; `shard` and `row` say where the example itself lies."""

Hashes = NDArray[np.uint64]
Split = Literal["train", "eval"]
SPLITS: tuple[Split, ...] = ("train", "eval")

_WHOLE_SHARES_UP_TO = 100
_DRAW, _ORDER, _SIDE = 1, 2, 3


class Mixture(NamedTuple):
    """What was drawn.

    `selection` has one row per row of the mixture: shard, row, split, copy (0 for the first) and
    `order`, by which a split is sorted; it is sorted by split and order. `shares` says what each
    source came to.
    """

    selection: pl.DataFrame
    shares: tuple[Share, ...]


def mix(index: pl.DataFrame, plan: MixPlan, *, seed: int) -> Mixture:
    """Draw the mixture from all examples.

    Every example has a hash of (seed, conversation, turn); a source's share is filled in the order
    of that hash, so one changed row changes about one row of the mixture. The split is decided per
    cluster, also by hash. Both splits reach the shares on their own.

    Args:
        index: all examples, schema `INDEX`, in any order.
        plan: shares, unit, size, and what to do when a source is too small.
        seed: decides which examples are drawn and in which order they stand.

    Raises:
        MixtureError: if a source has nothing to draw from, or too little and `when_short` is `fail`.
    """
    held_out = _uniform(_hash(index["cluster"], seed, _SIDE)) < plan.eval_share
    ranked = index.with_columns(
        side=pl.Series(np.where(held_out, "eval", "train")),
        draw=_hash(index["conversation_id"], seed, _DRAW, index["turn"]),
        weight=_weight(index, plan),
    ).sort("draw", "conversation_id", "turn")
    pools = {
        split: {name: ranked.filter(side=split, source=name) for name in sorted(plan.shares)}
        for split in SPLITS
    }
    sizes = _sizes(plan, {split: _supply(pool) for split, pool in pools.items()})
    drawn, shares = [], []
    for split in SPLITS:
        for name, goal in quotas(sizes[split], plan.exact_shares()).items():
            rows = _draw(pools[split][name], goal, by_count=plan.unit == "examples")
            drawn.append(rows.with_columns(split=pl.lit(split)))
            shares.append(_share(rows, pools[split][name], name, split, plan))
    selection = pl.concat(drawn)
    order = _hash(selection["conversation_id"], seed, _ORDER, selection["turn"], selection["copy"])
    selection = selection.with_columns(order=order).sort("split", "order", "conversation_id", "turn", "copy")
    return Mixture(selection.select("shard", "row", "split", "copy", "order", "text_bytes"), tuple(shares))


def quotas(size: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Split `size` by largest remainder (Hamilton's method): whole numbers that sum to it exactly.

    Equal remainders go to the name that comes first in the alphabet.
    """
    exact = {name: size * share for name, share in sorted(shares.items())}
    whole = {name: floor(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    for name in by_remainder[: size - sum(whole.values())]:
        whole[name] += 1
    return whole


def _weight(index: pl.DataFrame, plan: MixPlan) -> pl.Expr:
    if plan.unit == "examples":
        return pl.lit(1, dtype=pl.Int64)
    if plan.unit == "trainable_tokens":
        return pl.col("completion_tokens")
    return pl.col("prompt_tokens") + pl.col("completion_tokens")


def _supply(pool: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    return {name: int(rows["weight"].sum()) for name, rows in pool.items()}


def _sizes(plan: MixPlan, supply: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return how large each split becomes, in the plan's unit."""
    shares = plan.exact_shares()
    most = {split: _largest(shares, supply[split]) for split in SPLITS}
    if empty := sorted(name for name, share in shares.items() if share and not supply["train"][name]):
        msg = f"no example of {', '.join(empty)} is left to draw from, so no share of it can be reached"
        raise MixtureError(msg)
    if plan.size is None:
        return {split: _whole(size, shares.values()) for split, size in most.items()}
    held_out = min(round(plan.size * Fraction(repr(plan.eval_share))), most["eval"])
    wanted = plan.size - held_out
    if wanted > most["train"] and plan.when_short == "fail":
        short = {
            name: f"{supply['train'][name]} of {goal}"
            for name, goal in quotas(wanted, shares).items()
            if goal > supply["train"][name]
        }
        msg = f"too little for a size of {plan.size}: {short}; lower `size` or allow `when_short: shrink`"
        raise MixtureError(msg)
    if wanted > most["train"] and plan.when_short == "shrink":
        wanted = _whole(most["train"], shares.values())
    return {"train": wanted, "eval": held_out}


def _largest(shares: Mapping[str, Fraction], supply: Mapping[str, int]) -> int:
    """Return the largest size of which every source can give its exact share, and so its quota."""
    return min(floor(supply[name] / share) for name, share in shares.items() if share)


def _whole(size: int, shares: Iterable[Fraction]) -> int:
    """Round a free size down to where the shares are whole numbers, if that costs under 100 rows.

    A pool too small even for that keeps its size: nearly the shares are better than nothing.
    """
    step = lcm(*(share.denominator for share in shares))
    return size - size % step if step <= min(size, _WHOLE_SHARES_UP_TO) else size


def _draw(pool: pl.DataFrame, goal: int, *, by_count: bool) -> pl.DataFrame:
    """Return the first rows whose weights come closest to `goal`, whole copies of the pool first."""
    supply = int(pool["weight"].sum())
    copies, rest = divmod(goal, supply) if supply else (0, 0)
    reached = pool["weight"].cum_sum().to_numpy()
    count = rest if by_count else _closest(reached, rest)
    parts = [pool.with_columns(copy=pl.lit(copy, dtype=pl.Int64)) for copy in range(copies)]
    parts.append(pool.head(count).with_columns(copy=pl.lit(copies, dtype=pl.Int64)))
    return pl.concat(parts)


def _closest(reached: NDArray[np.int64], goal: int) -> int:
    """Return how many rows to take so that the running sum ends nearest to `goal` (fewer on a tie)."""
    after = int(np.searchsorted(reached, goal))
    below = int(reached[after - 1]) if after else 0
    if after < len(reached) and int(reached[after]) - goal < goal - below:
        return after + 1
    return after


def _share(rows: pl.DataFrame, pool: pl.DataFrame, name: str, split: Split, plan: MixPlan) -> Share:
    return Share(
        source=name,
        split=split,
        declared=plan.shares[name],
        available=pool.height,
        examples=rows.height,
        tokens=int(rows["prompt_tokens"].sum()) + int(rows["completion_tokens"].sum()),
        trainable_tokens=int(rows["completion_tokens"].sum()),
        thinking=int(rows["thinking"].sum()),
        repeated=int((rows["copy"] > 0).sum()),
    )


def _hash(ids: pl.Series, seed: int, purpose: int, *salts: pl.Series) -> pl.Series:
    """Return a 64-bit hash of (seed, purpose, id, salts) a row, by splitmix64's finaliser.

    Ids are hex digits of a sha256, so their first 16 are uniform already; the finaliser
    (https://prng.di.unimi.it/splitmix64.c) makes draws for different seeds and purposes independent.
    """
    values: Hashes = ids.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()
    for salt in (np.uint64(seed), np.uint64(purpose), *(s.to_numpy().astype(np.uint64) for s in salts)):
        values = _finalise(values ^ _finalise(np.asarray(salt, dtype=np.uint64)))
    return pl.Series(values, dtype=pl.UInt64)


def _finalise(value: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        mixed = value + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def _uniform(hashes: pl.Series) -> NDArray[np.float64]:
    return hashes.to_numpy() / 2.0**64
