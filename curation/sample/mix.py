"""Composing the mixture: exact shares, sampled and ordered by hash, whole clusters on one side of the split.

Examples are counted in tokens only as far as sampling goes: `mix` says which it must know before it can
go on, and is asked again when they are counted.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil, floor, lcm
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.tables import SELECTION, WANTED
from thinkmix.schemas.errors import MixtureError
from thinkmix.schemas.ledger import MIX
from thinkmix.schemas.manifest import SPLITS, Share, Split

STAGE = MIX

_PLACE = [name for name in SELECTION.names() if name != "order"]

Hashes = NDArray[np.uint64]
Pools = Mapping[tuple[Split, str], pl.DataFrame]
Weights = Mapping[tuple[Split, str], int]
Sizes = Mapping[Split, int]

_WHOLE_SHARES_UP_TO = 100
_SAMPLE, _ORDER, _SIDE = 1, 2, 3

_PILOT = 64  # examples counted first where shares are of tokens, to learn how long they are
_AT_LEAST = 256
_SPARE = 16
_MARGIN = 1.02
_TOKENS_PER_BYTE = 0.3
_STEPS = 6  # 2^6 to 2^7 steps from the first example to the last one asked for


class Mixture(NamedTuple):
    """What was sampled: `selection` is sorted by split and order, `shares` says what each source came to.

    As long as `wanted` has rows, nothing is sampled yet and the other two are empty.
    """

    selection: pl.DataFrame
    shares: tuple[Share, ...]
    wanted: pl.DataFrame


def mix(examples: Mapping[str, pl.DataFrame], plan: MixPlan, *, seed: int, max_tokens: int) -> Mixture:
    """Sample the mixture, or say which examples must be counted first.

    Every example has a hash of (seed, conversation, turn); a source's share is filled in the order
    of that hash, so one changed row changes about one row of the mixture. The split is decided per
    cluster, also by hash. Both splits reach the shares on their own. What is sampled does not depend on how
    many examples were counted before, only on the examples: none is counted that sampling cannot reach,
    but for a small margin.

    Args:
        examples: per source all that may be sampled, schema `pools.POOL`, in any order.
        plan: shares, unit, size, and what to do when a source is too small.
        seed: decides which examples are sampled and in which order they stand.
        max_tokens: longest example: no weight is above it.

    Raises:
        MixtureError: if a source has nothing to sample from, or too little and `when_short` is `fail`.
    """
    pools = {
        (split, name): _ranked(rows, plan, seed, split) for split in SPLITS for name, rows in examples.items()
    }
    sizes = _sizes(plan, {key: _most(pool, plan, max_tokens) for key, pool in pools.items()})
    needs = _needs(sizes, plan)
    unsure = [key for key in needs if not _reaches(pools[key], needs[key])]
    if unsure:
        return Mixture(
            pl.DataFrame(schema=SELECTION), (), _wanted(pools, needs, unsure, plan, seed, max_tokens)
        )
    sampled, shares = [], []
    for split in SPLITS:
        for name, goal in quotas(sizes[split], plan.exact_shares()).items():
            pool = pools[split, name]
            rows = _sample(pool, goal, by_count=plan.unit == "examples")
            sampled.append(rows.with_columns(split=pl.lit(split)).select("id", "low", "turn", *_PLACE))
            shares.append(_share(rows, pool, name, split, plan))
    selection = pl.concat(sampled)
    order = seeded_hash(selection["id"], seed, _ORDER, selection["turn"], selection["copy"])
    del pools, pool
    selection = selection.with_columns(order=order).sort("split", "order", "id", "low", "turn", "copy")
    return Mixture(
        selection.select(SELECTION.names()).cast(SELECTION), tuple(shares), pl.DataFrame(schema=WANTED)
    )


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


def bounding_source(plan: MixPlan, supply: Mapping[str, int]) -> tuple[str, int]:
    """Return the source that bounds the mixture, and the largest size in which all have their shares.

    Args:
        plan: the shares.
        supply: what each source has of the plan's unit, both splits together.
    """
    reach = {name: floor(supply[name] / share) for name, share in plan.exact_shares().items() if share}
    source = min(sorted(reach), key=lambda name: reach[name])
    return source, reach[source]


def _ranked(rows: pl.DataFrame, plan: MixPlan, seed: int, split: Split) -> pl.DataFrame:
    """Return one split of a source in the order of sampling.

    `weight` is null for what is not counted yet, 0 for what cannot be an example. Only one column at a time
    is held twice: this is where a build knows most of all its rows at once.
    """
    held_out = _uniform(seeded_hash(rows["cluster"], seed, _SIDE)) < plan.eval_share
    mine = np.flatnonzero(held_out if split == "eval" else ~held_out)
    ids, turns = rows["id"].gather(mine), rows["turn"].gather(mine)
    place = mine[
        _order(seeded_hash(ids, seed, _SAMPLE, turns).to_numpy(), ids, rows["low"].gather(mine), turns)
    ]
    del mine, ids, turns
    ranked = pl.DataFrame([rows[name].gather(place) for name in rows.columns if name != "cluster"])
    weight = pl.when("lost").then(0).when(pl.col("part").is_not_null()).then(_weight(plan))
    return ranked.with_columns(weight=weight.cast(pl.Int64))


def _order(hashes: Hashes, ids: pl.Series, low: pl.Series, turns: pl.Series) -> NDArray[np.int64]:
    """Return what sorts by the hash; ids and turns decide where two are equal, which hardly ever happens."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    if (ordered[1:] == ordered[:-1]).any():
        order = np.lexsort((turns.to_numpy(), low.to_numpy(), ids.to_numpy(), hashes))
    return order


def _most(pool: pl.DataFrame, plan: MixPlan, max_tokens: int) -> int:
    """Return the weight that a pool has at most: what is not counted is as long as any example may be.

    Bytes do not bound it better. Those of a raw row leave out what is not text, such as keys and numbers.
    """
    longest = 1 if plan.unit == "examples" else max_tokens
    return int(pool["weight"].sum()) + pool["weight"].null_count() * longest


def _weight(plan: MixPlan) -> pl.Expr:
    if plan.unit == "examples":
        return pl.lit(1)
    if plan.unit == "trainable_tokens":
        return pl.col("completion_tokens")
    return pl.col("prompt_tokens") + pl.col("completion_tokens")


def _reaches(pool: pl.DataFrame, need: int) -> bool:
    """Return whether the examples counted so far come to `need`, without a gap, or are all there are."""
    known = _known(pool)
    return known.height == pool.height or int(known["weight"].sum()) >= need


def _known(pool: pl.DataFrame) -> pl.DataFrame:
    """Return the examples before the first one that is not counted."""
    unknown = pool["weight"].is_null()
    first = unknown.arg_max() if unknown.any() else None
    return pool if first is None else pool.head(first)


def _wanted(
    pools: Pools,
    needs: Weights,
    unsure: list[tuple[Split, str]],
    plan: MixPlan,
    seed: int,
    max_tokens: int,
) -> pl.DataFrame:
    """Return what to count next: as many examples, in the order of sampling, as will probably do.

    Needs are of the largest size there can be, so while the scarcest source is not counted they are too
    high; what sources will probably come to bounds them from the other side.
    """
    if plan.unit != "examples" and all(pools[key]["weight"].is_null().all() for key in unsure):
        return pl.concat([_ask(pools[key], _PILOT, seed) for key in unsure])
    guesses = {key: _guess(pool, plan, max_tokens) for key, pool in pools.items()}
    likely = {key: int(pools[key]["weight"].sum()) + int(guesses[key].sum()) for key in pools}
    aims = _needs(_sizes(plan, likely, strict=False), plan)
    counts = {key: _count(pools[key], guesses[key], min(aims[key], needs[key])) for key in unsure}
    if not any(counts.values()):  # all that is likely is counted, and it was not enough
        counts = {key: max(_AT_LEAST, _known(pools[key]).height) for key in unsure}
    return pl.concat([_ask(_unknown(pools[key]), count, seed) for key, count in counts.items()])


def _guess(pool: pl.DataFrame, plan: MixPlan, max_tokens: int) -> pl.Series:
    """Return the likely weight of each example that is not counted, in the order of sampling.

    By what is counted: how long examples are for their bytes, and how many of those that seemed short
    enough were lost all the same.
    """
    good = pool.filter(pl.col("part").is_not_null())
    size = _total(good["bytes"])
    tokens = _total(good["prompt_tokens"]) + _total(good["completion_tokens"])
    ratio = tokens / size if size else _TOKENS_PER_BYTE
    seems_short = pl.col("bytes") * ratio <= max_tokens
    counted = pool.filter(pl.col("weight").is_not_null() & seems_short)
    stay = (counted.height - int(counted["lost"].sum()) + 1) / (counted.height + 1)
    weight = int(good["weight"].sum()) / size if size else _TOKENS_PER_BYTE
    likely = pl.lit(1.0) if plan.unit == "examples" else pl.col("bytes") * weight
    guess = pl.when(seems_short).then(likely * stay).otherwise(0.0)
    return _unknown(pool).select(guess.alias("guess"))["guess"]


def _count(pool: pl.DataFrame, guess: pl.Series, aim: int) -> int:
    """Return how many examples will probably fill what is missing to `aim`, with a few to spare."""
    missing = aim - int(pool["weight"].sum())
    if missing <= 0:
        return 0
    return int(np.searchsorted(guess.cum_sum().to_numpy(), missing * _MARGIN)) + 1 + _SPARE


def _unknown(pool: pl.DataFrame) -> pl.DataFrame:
    return pool.filter(pl.col("weight").is_null())


def _ask(pool: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    """Return the first `count` examples, and those up to where a coarse step of the hash ends.

    When a few rows changed since yesterday, `count` moves a little and the step's end does not: what is
    asked of all other shards is what was asked yesterday, and is there already.
    """
    if 0 < count < pool.height:
        hashes = seeded_hash(pool["id"], seed, _SAMPLE, pool["turn"]).to_numpy()
        coarse = max(int(hashes[count - 1]).bit_length() - 1 - _STEPS, 0)
        count = int(np.searchsorted(hashes, hashes[count - 1] | np.uint64((1 << coarse) - 1), side="right"))
    return pool.head(count).select(WANTED.names()).cast(WANTED)


def _needs(sizes: Sizes, plan: MixPlan) -> dict[tuple[Split, str], int]:
    """Return what each source must be known to have, so that sizes are those of counting everything.

    A whole share, not the quota: that may be rounded down, and a size is allowed by what shares demand.
    """
    shares = plan.exact_shares()
    return {(split, name): ceil(sizes[split] * shares[name]) for split in SPLITS for name in sorted(shares)}


def _sizes(plan: MixPlan, supply: Weights, *, strict: bool = True) -> dict[Split, int]:
    """Return how large each split becomes, in the plan's unit.

    Raises:
        MixtureError: if `strict` and the supply cannot give what the plan demands.
    """
    shares = plan.exact_shares()
    most = {split: _largest(shares, supply, split) for split in SPLITS}
    empty = sorted(name for name, share in shares.items() if share and not supply["train", name])
    if empty and strict:
        msg = f"no example of {', '.join(empty)} is left to sample from, so no share of it can be reached"
        raise MixtureError(msg)
    if plan.size is None:
        return {split: _whole(size, shares.values()) for split, size in most.items()}
    held_out = min(round(plan.size * Fraction(repr(plan.eval_share))), most["eval"])
    wanted = plan.size - held_out
    if wanted > most["train"] and plan.when_short == "fail" and strict:
        short = ", ".join(
            f"{name} has {supply['train', name]} of {need}"
            for (split, name), need in _needs({"train": wanted, "eval": 0}, plan).items()
            if split == "train" and need > supply["train", name]
        )
        msg = f"too little for a size of {plan.size}: {short}; lower `size` or allow `when_short: shrink`"
        raise MixtureError(msg)
    if wanted > most["train"] and plan.when_short != "repeat":
        wanted = _whole(most["train"], shares.values())
    return {"train": wanted, "eval": held_out}


def _largest(shares: Mapping[str, Fraction], supply: Weights, split: Split) -> int:
    """Return the largest size of which every source can give its exact share, and so its quota."""
    return min(floor(supply[split, name] / share) for name, share in shares.items() if share)


def _whole(size: int, shares: Iterable[Fraction]) -> int:
    """Round a free size down to where the shares are whole numbers, if that costs under 100 rows.

    A pool too small even for that keeps its size: nearly the shares are better than nothing.
    """
    step = lcm(*(share.denominator for share in shares))
    return size - size % step if step <= min(size, _WHOLE_SHARES_UP_TO) else size


def _sample(pool: pl.DataFrame, goal: int, *, by_count: bool) -> pl.DataFrame:
    """Return the first rows whose weights come closest to `goal`, whole copies of the pool first."""
    pool = _known(pool).filter(~pl.col("lost"))
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
        declared=float(plan.exact_shares()[name]),
        available=pool.height - int(pool["lost"].sum()),
        examples=rows.height,
        tokens=_total(rows["prompt_tokens"]) + _total(rows["completion_tokens"]),
        trainable_tokens=_total(rows["completion_tokens"]),
        thinking=int(rows["thinking"].sum()),
        repeated=int((rows["copy"] > 0).sum()),
    )


def _total(numbers: pl.Series) -> int:
    """Return the sum of small numbers, which may be a large one."""
    return int(numbers.cast(pl.Int64).sum())


def seeded_hash(ids: pl.Series, seed: int, purpose: int, *salts: pl.Series) -> pl.Series:
    """Return a 64-bit hash of (seed, purpose, id, salts) a row, by splitmix64's finaliser.

    Ids are bits of a sha256, so they are uniform already; the finaliser
    (https://prng.di.unimi.it/splitmix64.c) makes samples for different seeds and purposes independent.
    """
    values: Hashes = ids.to_numpy()
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
