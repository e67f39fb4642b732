"""Sampling: exact shares, stable under change, whole clusters on one side."""

from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.sample import mix as mix_module
from thinkmix.curation.sample.mix import Mixture, quotas
from thinkmix.curation.sample.mix import mix as draw
from thinkmix.curation.sample.pools import POOL
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.schemas.errors import MixtureError

Place = tuple[int, int]
MAX_TOKENS = 10_000


def bits(*parts: object) -> int:
    return int.from_bytes(sha256(repr(parts).encode()).digest()[:8])


def pool(number: int, *, shard: int = 0, cluster: int = 1, tokens: int | None = None) -> pl.DataFrame:
    """Make `number` counted examples in clusters of `cluster` near-duplicates."""
    rows = [
        {
            "id": bits(shard, n),
            "low": 0,
            "cluster": bits(shard, "cluster", n // cluster),
            "turn": n % 3,
            "shard": shard,
            "row": n,
            "bytes": 100,
            "part": shard,
            "place": n,
            "prompt_tokens": tokens or 10 + n % 7,
            "completion_tokens": tokens or 5 + n % 11,
            "text_bytes": 100,
            "thinking": n % 2 == 0,
            "lost": False,
        }
        for n in range(number)
    ]
    return pl.DataFrame(rows, schema=POOL, orient="row")


def two(a: int = 700, b: int = 700, **settings: Any) -> dict[str, pl.DataFrame]:
    return {"a": pool(a, shard=0, **settings), "b": pool(b, shard=1, **settings)}


def plan(shares: dict[str, float] | None = None, **settings: Any) -> MixPlan:
    return MixPlan(shares=shares or {"a": 0.7, "b": 0.3}, **{"eval_share": 0, **settings})


def mix(examples: dict[str, pl.DataFrame], stated: MixPlan, *, seed: int) -> Mixture:
    """Sample from examples that are all counted."""
    mixture = draw(examples, stated, seed=seed, max_tokens=MAX_TOKENS)
    assert mixture.wanted.height == 0
    return mixture


def sampled(mixture: Mixture, split: str = "train") -> list[Place]:
    rows = mixture.selection.filter(split=split)
    return list(rows.select("shard", "place").iter_rows())


def amounts(mixture: Mixture, unit: str = "examples", split: str = "train") -> dict[str, int]:
    return {share.source: getattr(share, unit) for share in mixture.shares if share.split == split}


def uncounted(rows: pl.DataFrame) -> pl.DataFrame:
    """Forget what is known of examples only once they are rendered."""
    known = POOL.names()[POOL.names().index("part") :]
    return rows.with_columns(pl.lit(None, dtype=POOL[name]).alias(name) for name in known)


def lazily(
    examples: dict[str, pl.DataFrame],
    stated: MixPlan,
    *,
    seed: int,
    requests: list[list[int]] | None = None,
) -> tuple[Mixture, dict[str, pl.DataFrame], int]:
    """Sample with none counted at first, counting what is asked for; tell in how many rounds.

    `requests` takes how many examples each round asks for, of the first source and of the second.
    """
    counted = {name: pl.Series([False] * rows.height) for name, rows in examples.items()}
    for rounds in range(50):
        known = {
            name: pl.concat([rows.filter(counted[name]), uncounted(rows.filter(~counted[name]))])
            for name, rows in examples.items()
        }
        mixture = draw(known, stated, seed=seed, max_tokens=MAX_TOKENS)
        if not mixture.wanted.height:
            return mixture, known, rounds
        assert mixture.wanted.is_unique().all()
        if requests is not None:
            requests.append([mixture.wanted.filter(shard=number).height for number in range(2)])
        wanted = mixture.wanted.with_columns(asked=pl.lit(value=True))
        for name, rows in examples.items():
            asked = rows.join(wanted, on=["shard", "row", "turn"], how="left", maintain_order="left")["asked"]
            fresh = asked.fill_null(value=False)
            assert not (fresh & counted[name]).any()
            counted[name] |= fresh
    pytest.fail("sampling has no end")


SHARES = st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(sum)


@pytest.mark.acceptance("A21")
@given(st.integers(0, 10_000), SHARES)
def test_quotas_sum_exactly_and_are_off_by_less_than_one(size: int, parts: list[int]) -> None:
    """Largest remainder: whole numbers, all of them within one of the exact share."""
    shares = {f"s{n}": Fraction(part, sum(parts)) for n, part in enumerate(parts)}
    got = quotas(size, shares)
    assert sum(got.values()) == size
    assert all(abs(got[source] - size * share) < 1 for source, share in shares.items())
    assert all(got[source] == 0 for source, share in shares.items() if share == 0)


def test_equal_remainders_go_by_name() -> None:
    """The last row of three thirds is the first source's."""
    third = Fraction(1, 3)
    assert quotas(10, {"c": third, "b": third, "a": third}) == {"a": 4, "b": 3, "c": 3}


@pytest.mark.parametrize(
    ("shares", "a", "b", "want"),
    [
        ({"a": 0.7, "b": 0.3}, 700, 700, {"a": 700, "b": 300}),
        ({"a": 0.7, "b": 0.3}, 699, 700, {"a": 693, "b": 297}),
        ({"a": 0.7, "b": 0.3}, 700, 31, {"a": 70, "b": 30}),
        ({"a": 0.5, "b": 0.5}, 333, 700, {"a": 333, "b": 333}),
        ({"a": 1, "b": 0}, 50, 700, {"a": 50, "b": 0}),
        ({"a": 0.7, "b": 0.3}, 5, 5, {"a": 5, "b": 2}),
        ({"a": 0.7, "b": 0.3}, 1, 1, {"a": 1, "b": 0}),
        ({"a": 0.01, "b": 0.99}, 3, 250, {"a": 2, "b": 198}),
        ({"a": 0.001, "b": 0.999}, 3, 250, {"a": 0, "b": 250}),
    ],
)
def test_a_free_mixture_is_as_large_as_its_shares_allow(
    shares: dict[str, float], a: int, b: int, want: dict[str, int]
) -> None:
    """Exact to the row; only a pool of a few rows is rounded."""
    mixture = mix(two(a, b), plan(shares), seed=1)
    assert amounts(mixture) == want
    assert len(sampled(mixture)) == sum(want.values())


def test_replay_is_drawn_like_any_source_and_declared_as_what_it_is() -> None:
    """A tenth of the rows, taken from all others in proportion; the report declares the final share."""
    index = {source: pool(700, shard=n) for n, source in enumerate("abc")}
    mixture = mix(index, plan(size=1000, replay=("c",)), seed=1)
    assert amounts(mixture) == {"a": 630, "b": 270, "c": 100}
    assert amounts(mixture, "declared") == {"a": 0.63, "b": 0.27, "c": 0.1}


def test_three_thirds_are_reached_to_the_row() -> None:
    """Shares that no decimal writes exactly are still within one row."""
    index = {source: pool(100, shard=n) for n, source in enumerate("abc")}
    shares = {"a": 0.3333333333333333, "b": 0.3333333333333333, "c": 0.3333333333333334}
    assert sorted(amounts(mix(index, plan(shares, size=100), seed=1)).values()) == [33, 33, 34]


@pytest.mark.parametrize("unit", ["tokens", "trainable_tokens"])
@pytest.mark.parametrize("size", [None, 5_000])
def test_shares_of_tokens_are_within_one_example(unit: str, size: int | None) -> None:
    """The reached tokens differ from the share by less than the longest example."""
    mixture = mix(two(), plan(unit=unit, size=size), seed=1)
    reached = amounts(mixture, unit)
    total = sum(reached.values())
    assert abs(reached["a"] - 0.7 * total) < 31
    assert size is None or abs(total - size) < 31
    assert mixture.selection.select("part", "place").is_unique().all()


@pytest.mark.acceptance("A21")
def test_too_little_shrinks_to_the_shares() -> None:
    """By default a size that cannot be reached becomes the largest that can."""
    assert amounts(mix(two(100, 100), plan(size=1000), seed=1)) == {"a": 98, "b": 42}


def test_too_little_repeats_in_whole_rounds() -> None:
    """With repeats no row is sampled a third time before every row was sampled twice."""
    mixture = mix(two(100, 100), plan(size=1000, when_short="repeat"), seed=1)
    assert amounts(mixture) == {"a": 700, "b": 300}
    assert amounts(mixture, "repeated") == {"a": 600, "b": 200}
    mixture = mix(two(100, 100), plan(size=500, when_short="repeat"), seed=1)
    times = mixture.selection.filter(shard=0).group_by("place").len()["len"].value_counts().sort("len").rows()
    assert times == [(3, 50), (4, 50)]
    copies = mixture.selection.filter(shard=0).sort("place", "copy").group_by("place", maintain_order=True)
    assert all(rows["copy"].to_list() == list(range(rows.height)) for _, rows in copies)


def test_repeats_of_tokens_reach_the_size() -> None:
    """Whole rounds and a rest, within one example."""
    mixture = mix(two(50, 50), plan(size=10_000, unit="tokens", when_short="repeat"), seed=1)
    reached = amounts(mixture, "tokens")
    assert abs(reached["a"] - 7_000) < 31
    assert abs(reached["b"] - 3_000) < 31


@pytest.mark.acceptance("A21")
def test_too_little_fails_when_the_recipe_says_so() -> None:
    """The message names who is short of what."""
    with pytest.raises(MixtureError, match=r"size of 1000: a has 100 of 700, b has 100 of 300;"):
        mix(two(100, 100), plan(size=1000, when_short="fail"), seed=1)
    assert amounts(mix(two(70, 30), plan(size=100, when_short="fail"), seed=1)) == {"a": 70, "b": 30}


@pytest.mark.acceptance("A21")
@pytest.mark.parametrize("settings", [{}, {"size": 10}, {"size": 10, "when_short": "repeat"}])
def test_a_source_without_examples_ends_the_build(settings: dict[str, Any]) -> None:
    """No share of nothing can be reached; a share of 0 needs nothing."""
    with pytest.raises(MixtureError, match="no example of b is left"):
        mix(two(100, 0), plan(**settings), seed=1)
    with pytest.raises(MixtureError, match="no example of a, b is left"):
        mix(two(0, 0), plan(**settings), seed=1)
    assert amounts(mix(two(100, 0), plan({"a": 1, "b": 0}, size=10), seed=1)) == {"a": 10, "b": 0}


def test_the_draw_does_not_depend_on_the_order_of_examples() -> None:
    """Shuffled input gives the same rows in the same order."""
    index = two(cluster=3)
    want = mix(index, plan(eval_share=0.1), seed=1)
    for seed in range(3):
        shuffled = {
            name: rows.sample(fraction=1, shuffle=True, seed=seed)
            for name, rows in reversed(list(index.items()))
        }
        got = mix(shuffled, plan(eval_share=0.1), seed=1)
        assert got.selection.equals(want.selection)
        assert got.shares == want.shares


def test_the_seed_decides_rows_and_order() -> None:
    """Another seed, another sample; the same seed, the same."""
    one, same, other = (sampled(mix(two(), plan(size=200), seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert len(set(one) & set(other)) < 100
    assert one != sorted(one)


def test_a_changed_row_changes_about_one_row() -> None:
    """Without one sampled example its successor moves up; all others stay, in the same order."""
    index = two()
    before = sampled(mix(index, plan(size=500), seed=1))
    gone = before[17]
    rest = {
        name: rows.filter(~((pl.col("shard") == gone[0]) & (pl.col("place") == gone[1])))
        for name, rows in index.items()
    }
    after = sampled(mix(rest, plan(size=500), seed=1))
    assert set(before) - set(after) == {gone}
    assert len(set(after) - set(before)) == 1
    kept = set(before) & set(after)
    assert [row for row in before if row in kept] == [row for row in after if row in kept]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**63 - 1), st.sampled_from([1, 2, 7]), st.sampled_from([0.02, 0.2, 0.5]))
def test_a_cluster_is_on_one_side_of_the_split(seed: int, cluster: int, share: float) -> None:
    """Near-duplicates are never in both train and eval, and both sides have the shares."""
    index = two(cluster=cluster)
    mixture = mix(index, plan(eval_share=share), seed=seed)
    rows = pl.concat(index.values())
    sides = (
        mixture.selection.join(rows, on=["shard", "place"])
        .group_by("cluster")
        .agg(pl.col("split").n_unique())
    )
    assert sides["split"].max() == 1
    for split in ("train", "eval"):
        reached = amounts(mixture, split=split)
        assert abs(reached["a"] - 0.7 * sum(reached.values())) < 1


def test_the_held_out_part_is_about_its_share() -> None:
    """By hash, so only about; and of a size exactly, where there is enough."""
    mixture = mix(two(7000, 7000), plan(eval_share=0.1), seed=1)
    train, held = (sum(amounts(mixture, split=split).values()) for split in ("train", "eval"))
    assert abs(held / (train + held) - 0.1) < 0.015
    mixture = mix(two(7000, 7000), plan(eval_share=0.05, size=1000), seed=1)
    assert [sum(amounts(mixture, split=split).values()) for split in ("train", "eval")] == [950, 50]


def test_no_eval_is_no_eval() -> None:
    """A share of 0 holds nothing out."""
    mixture = mix(two(), plan(), seed=1)
    assert set(mixture.selection["split"]) == {"train"}
    assert amounts(mixture, split="eval") == {"a": 0, "b": 0}


def test_no_eval_holds_out_no_row_whose_hash_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least hash there is is not below a share of 0."""
    monkeypatch.setattr("thinkmix.curation.sample.mix.seeded_hash", lambda ids, *_: ids * 0)
    assert amounts(mix(two(), plan(), seed=1)) == {"a": 700, "b": 300}


@pytest.mark.parametrize(("size", "examples"), [(14, 1), (15, 1), (16, 2), (20, 2), (25, 2), (26, 3)])
def test_tokens_come_nearest_to_the_size_and_below_it_on_a_tie(size: int, examples: int) -> None:
    """Of examples of ten tokens, a size of 15 takes one: 10 and 20 are equally near."""
    mixture = mix({"a": pool(100, tokens=5)}, plan({"a": 1}, unit="tokens", size=size), seed=1)
    assert amounts(mixture) == {"a": examples}


def test_a_cluster_that_is_everything_leaves_one_side_empty() -> None:
    """One cluster cannot be split; the eval side is empty, or the build ends for want of a train side."""
    index = {name: rows.with_columns(cluster=pl.lit(1, dtype=pl.UInt64)) for name, rows in two().items()}
    seeds = {0: 0, 1: 0}
    for seed in range(20):
        try:
            got = mix(index, plan(eval_share=0.5), seed=seed)
        except MixtureError:
            seeds[0] += 1
        else:
            seeds[1] += 1
            assert set(got.selection["split"]) == {"train"}
    assert min(seeds.values()) > 0


def test_shares_tell_what_was_reached() -> None:
    """Available, sampled, tokens, trained tokens and thinking examples per source and split."""
    mixture = mix(two(100, 100, tokens=8), plan(size=10), seed=1)
    share = next(share for share in mixture.shares if (share.source, share.split) == ("a", "train"))
    assert share.model_dump(exclude={"thinking"}) == {
        "source": "a",
        "split": "train",
        "declared": 0.7,
        "available": 100,
        "examples": 7,
        "tokens": 7 * 16,
        "trainable_tokens": 7 * 8,
        "repeated": 0,
    }
    rows = [row for shard, row in sampled(mixture) if shard == 0]
    assert share.thinking == sum(row % 2 == 0 for row in rows)


def test_turns_of_one_conversation_are_drawn_by_themselves() -> None:
    """Half the examples are not half the conversations with all their turns."""
    index = pool(400).with_columns(
        id=pl.Series([bits(n // 2) for n in range(400)], dtype=pl.UInt64),
        turn=pl.Series([n % 2 for n in range(400)], dtype=pl.Int32),
    )
    mixture = mix({"a": index}, plan({"a": 1}, size=200), seed=1)
    whole = mixture.selection.join(index, on=["shard", "place"]).group_by("id").len()
    assert 20 < whole.filter(pl.col("len") == 2).height < 80


def test_sources_do_not_shape_each_others_draw() -> None:
    """A larger other source samples no other rows from this one."""
    one = {row for shard, row in sampled(mix(two(300, 300), plan(size=200), seed=1)) if shard == 0}
    two_ = {row for shard, row in sampled(mix(two(300, 900), plan(size=200), seed=1)) if shard == 0}
    assert one == two_


PLANS = [
    {},
    {"eval_share": 0.2},
    {"size": 40},
    {"unit": "tokens"},
    {"unit": "trainable_tokens", "eval_share": 0.1},
    {"unit": "tokens", "size": 2_000},
    {"size": 900, "when_short": "repeat"},
    {"unit": "tokens", "size": 30_000, "when_short": "repeat"},
]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.sampled_from(PLANS),
    st.sampled_from([(300, 300), (20, 300), (300, 3)]),
    st.integers(0, 3),
)
def test_what_is_drawn_does_not_depend_on_what_is_counted(
    seed: int, settings: dict[str, Any], supply: tuple[int, int], losing: int
) -> None:
    """Counting only what sampling asks for, too long examples among it, gives the sample of all examples."""
    examples = {
        name: rows.with_columns(
            lost=pl.Series([losing > 0 and n % (losing + 1) == 0 for n in range(len(rows))])
        )
        for name, rows in two(*supply, cluster=2).items()
    }
    examples = {
        name: rows.with_columns(part=pl.when("lost").then(None).otherwise("part"))
        for name, rows in examples.items()
    }
    try:
        want = mix(examples, plan(**settings), seed=seed)
    except MixtureError:
        with pytest.raises(MixtureError):
            lazily(examples, plan(**settings), seed=seed)
        return
    got, _, rounds = lazily(examples, plan(**settings), seed=seed)
    assert got.selection.equals(want.selection)
    hidden = {"available"}  # counted or not, an example may be there
    assert [share.model_dump(exclude=hidden) for share in got.shares] == [
        share.model_dump(exclude=hidden) for share in want.shares
    ]
    assert rounds < 20


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.sampled_from(PLANS + [{"size": 101, "when_short": word} for word in ("fail", "shrink", "repeat")]),
    st.sampled_from(
        [{"a": 0.7, "b": 0.3}, {"a": 0.333, "b": 0.667}, {"a": 0.99, "b": 0.01}, {"a": 1, "b": 0}]
    ),
    st.tuples(st.integers(1, 120), st.integers(1, 120)),
    st.tuples(st.integers(0, 120), st.integers(0, 120)),
)
def test_scarce_and_lost_examples_are_drawn_as_if_all_were_counted(
    seed: int,
    settings: dict[str, Any],
    shares: dict[str, float],
    supply: tuple[int, int],
    good: tuple[int, int],
) -> None:
    """At the edge of what there is, with many lost, nothing depends on what was counted."""
    examples = {}
    for name, rows, kept in zip("ab", two(*supply).values(), good, strict=True):
        lost = pl.Series([n >= kept for n in range(rows.height)])
        examples[name] = rows.with_columns(lost=lost, part=pl.when(lost).then(None).otherwise(rows["part"]))
    stated = plan(shares, **settings)
    want = outcome(lambda: mix(examples, stated, seed=seed))
    got = outcome(lambda: lazily(examples, stated, seed=seed)[0])
    assert (got is None) == (want is None)
    assert got is None or got.equals(want)


def outcome(work: Callable[[], Mixture]) -> pl.DataFrame | None:
    """Return what was sampled, or None if nothing could be."""
    try:
        return work().selection
    except MixtureError:
        return None


def test_a_source_that_is_short_is_named() -> None:
    """Also where its quota, rounded down, could just be filled, and its share could not."""
    with pytest.raises(MixtureError, match=r"size of 101: b has 30 of 31;"):
        mix(two(100, 30), plan(size=101, when_short="fail"), seed=1)


def test_a_source_that_just_suffices_is_not_named_as_short() -> None:
    """It has what its share demands, to the row."""
    with pytest.raises(MixtureError, match=r"size of 100: b has 29 of 30;"):
        mix(two(70, 29), plan(size=100, when_short="fail"), seed=1)


def test_a_size_that_can_just_be_reached_is_not_rounded() -> None:
    """Only a size that was made smaller goes down to where shares are whole numbers."""
    index = two(699, 700)
    assert amounts(mix(index, plan(size=998), seed=1)) == {"a": 699, "b": 299}
    assert amounts(mix(index, plan(size=999), seed=1)) == {"a": 693, "b": 297}


@pytest.mark.parametrize(("size", "examples"), [(4, 0), (5, 1)])
def test_the_first_example_is_taken_if_it_is_nearer_than_nothing(size: int, examples: int) -> None:
    """Of nine tokens, for a size of five; none for a size of four."""
    stated = plan({"a": 1}, unit="trainable_tokens", size=size)
    assert amounts(mix({"a": pool(100, tokens=9)}, stated, seed=1)) == {"a": examples}


def test_what_was_lost_is_not_available() -> None:
    """A third of ninety cannot be sampled."""
    mixture = mix({"a": some_lost(pool(90), 3)}, plan({"a": 1}), seed=1)
    assert amounts(mixture, "available") == {"a": 60}


def test_few_bytes_may_be_many_tokens() -> None:
    """Keys and numbers of calls and tools are no text of a raw row, and still are tokens."""
    examples = {
        name: rows.with_columns(bytes=pl.lit(10, dtype=pl.Int32))
        for name, rows in two(300, 300, tokens=2_500).items()
    }
    stated = plan(unit="tokens", size=1_000_000, when_short="fail")
    got, _, rounds = lazily(examples, stated, seed=1)
    assert sum(amounts(got, "tokens").values()) == pytest.approx(1_000_000, abs=5_001)
    assert rounds <= 4


@pytest.mark.parametrize(("lost", "most"), [(0.1, 3), (0.5, 4), (0.9, 6)])
def test_what_was_lost_so_far_tells_how_much_to_ask_for(lost: float, most: int) -> None:
    """However many examples are lost, it takes a few rounds to fill the shares."""
    examples = {
        name: rows.with_columns(lost=pl.Series([bits("lost", n) / 2**64 < lost for n in range(rows.height)]))
        for name, rows in two(20_000, 20_000).items()
    }
    examples = {
        name: rows.with_columns(part=pl.when("lost").then(None).otherwise("part"))
        for name, rows in examples.items()
    }
    got, known, rounds = lazily(examples, plan(size=1500), seed=1)
    assert sum(amounts(got).values()) == 1500
    assert rounds <= most
    assert sum(rows["lost"].count() for rows in known.values()) < 1500 / (1 - lost) * 1.3


def test_no_more_is_counted_than_the_draw_can_reach() -> None:
    """Of a source that is plenty only its share is counted, and a few; the scarce one is counted whole."""
    examples = two(100, 20_000)
    _, known, rounds = lazily(examples, plan(), seed=1)
    counted = {name: int(rows["lost"].count()) for name, rows in known.items()}
    assert counted["a"] == 100
    assert 42 <= counted["b"] <= 42 * 1.02 + 20
    assert rounds <= 3


def test_rows_that_are_surely_too_long_are_expected() -> None:
    """Where half of a source is far too long, what else is needed is asked for at once."""
    rows = pool(20_000, shard=1)
    long = pl.col("place") % 2 == 0
    rows = rows.with_columns(bytes=pl.when(long).then(1_000_000).otherwise(100).cast(pl.Int64), lost=long)
    examples = {"a": pool(400), "b": rows.with_columns(part=pl.when("lost").then(None).otherwise("part"))}
    mixture, known, rounds = lazily(examples, plan({"a": 0.5, "b": 0.5}), seed=1)
    assert amounts(mixture) == {"a": 400, "b": 400}
    assert known["b"]["lost"].count() < 1000
    assert rounds <= 3


def test_equal_hashes_are_put_in_order_by_the_whole_id() -> None:
    """Where 64 bits of two ids are the same the other 64 decide, whatever order they come in."""
    rows = pool(300).with_columns(
        id=pl.lit(7, dtype=pl.UInt64),
        turn=pl.lit(1, dtype=pl.Int32),
        low=pl.Series([bits("low", n) for n in range(300)], dtype=pl.UInt64),
    )
    want = mix({"a": rows}, plan({"a": 1}, size=100), seed=1).selection
    assert mix({"a": rows.reverse()}, plan({"a": 1}, size=100), seed=1).selection.equals(want)


def test_a_few_equal_hashes_are_put_in_order_by_the_whole_id() -> None:
    """Two of many rows are enough."""
    rows = pool(300).with_columns(
        id=pl.col("id").replace(bits(0, 17), bits(0, 18)), turn=pl.lit(1, dtype=pl.Int32), low=pl.lit(0)
    )
    rows = rows.with_columns(low=(pl.col("place") == 17).cast(pl.UInt64))
    want = mix({"a": rows}, plan({"a": 1}), seed=1).selection
    assert mix({"a": rows.reverse()}, plan({"a": 1}), seed=1).selection.equals(want)
    kept = [mix({"a": rows}, plan({"a": 1}, size=size), seed=1).selection["place"] for size in range(1, 300)]
    assert all(17 not in places or 18 in places for places in kept)


def test_more_tokens_than_32_bits_hold_are_counted() -> None:
    """Columns are narrow because there are many rows; their sums are not."""
    rows = pool(300, tokens=2**24)
    stated = plan({"a": 1}, unit="tokens")
    mixture = draw({"a": rows}, stated, seed=1, max_tokens=2**26)
    assert amounts(mixture, "tokens") == {"a": 300 * 2**25}


def test_a_release_draws_what_the_one_before_it_drew() -> None:
    """Which rows, on which side and in which order: a recipe and its sources decide the bytes for good."""
    got = mix(two(40, 40, cluster=2), plan(size=12, eval_share=0.3), seed=3)
    assert got.selection.select("split", "shard", "place").rows() == [
        ("eval", 0, 34), ("eval", 0, 31), ("eval", 0, 20), ("eval", 1, 11),
        ("train", 0, 29), ("train", 0, 38), ("train", 0, 23), ("train", 0, 33),
        ("train", 1, 13), ("train", 0, 3), ("train", 1, 6), ("train", 0, 16),
    ]  # fmt: skip


def some_lost(rows: pl.DataFrame, every: int) -> pl.DataFrame:
    """Lose each `every`-th example, which shows once it is counted."""
    lost = pl.col("place") % every == 0
    return rows.with_columns(lost=lost, part=pl.when(lost).then(None).otherwise("part"))


def of_many_sizes(number: int, *, shard: int) -> pl.DataFrame:
    """Make examples with two tokens to three bytes; one in five is far too long and shows it."""
    size = pl.when(pl.col("place") % 5 == 0).then(1_000_000).otherwise(30 + 270 * (pl.col("place") % 50))
    rows = pool(number, shard=shard).with_columns(bytes=size.cast(pl.Int32))
    tokens = (pl.col("bytes") // 3).cast(pl.Int32)
    return some_lost(rows.with_columns(prompt_tokens=tokens, completion_tokens=tokens), 5)


def of_a_token_a_byte(number: int, *, shard: int) -> pl.DataFrame:
    """Make examples with as many tokens as bytes; one in five is exactly as long as allowed."""
    size = pl.when(pl.col("place") % 5 == 0).then(MAX_TOKENS).otherwise(100).cast(pl.Int32)
    rows = pool(number, shard=shard).with_columns(bytes=size)
    return rows.with_columns(prompt_tokens=pl.col("bytes") // 2, completion_tokens=pl.col("bytes") // 2)


def seeming_too_long(number: int, *, shard: int, size: int = 1_000_000) -> pl.DataFrame:
    """Make short examples of long rows."""
    return pool(number, shard=shard).with_columns(bytes=pl.lit(size, dtype=pl.Int32))


@pytest.mark.parametrize(
    ("examples", "settings", "want"),
    [
        (lambda: two(1000, 1000), {"size": 100}, [[89, 47]]),
        (lambda: two(1000, 1000), {"size": 100, "eval_share": 0.3}, [[104, 64]]),
        (lambda: two(100, 2000), {}, [[100, 59]]),
        (lambda: two(1000, 1000), {"unit": "tokens", "size": 3_000}, [[64, 64], [43, 0]]),
        (
            lambda: two(50, 300),
            {"unit": "trainable_tokens", "size": 5_000, "when_short": "repeat"},
            [[50, 64], [0, 113]],
        ),
        (
            lambda: {name: some_lost(rows, 3) for name, rows in two(3000, 3000).items()},
            {"size": 400},
            [[302, 141], [145, 54]],
        ),
        (
            lambda: {"a": of_many_sizes(3000, shard=0), "b": of_many_sizes(3000, shard=1)},
            {"unit": "tokens", "size": 1_500_000},
            [[64, 64], [236, 77]],
        ),
        (
            lambda: {"a": of_many_sizes(600, shard=0), "b": of_many_sizes(3000, shard=1)},
            {"unit": "trainable_tokens"},
            [[64, 64], [536, 206]],
        ),
        (
            lambda: {"a": of_a_token_a_byte(1000, shard=0), "b": of_a_token_a_byte(1000, shard=1)},
            {"unit": "tokens", "size": 900_000},
            [[64, 64], [300, 84]],
        ),
        (
            lambda: {"a": seeming_too_long(2000, shard=0), "b": seeming_too_long(2000, shard=1)},
            {},
            [[260, 256], [1740, 627]],
        ),
        (lambda: two(70, 3000), {"unit": "tokens"}, [[64, 64], [6, 0]]),
        (
            lambda: {"a": seeming_too_long(90, shard=0, size=20_000), "b": pool(90, shard=1)},
            {"size": 40},
            [[46, 29]],
        ),
    ],
)
def test_a_release_asks_for_what_the_one_before_it_asked_for(
    examples: Callable[[], dict[str, pl.DataFrame]], settings: dict[str, Any], want: list[list[int]]
) -> None:
    """What is rendered is kept in the store under what was asked for: other requests make all of it again."""
    requests: list[list[int]] = []
    lazily(examples(), plan(**settings), seed=1, requests=requests)
    assert requests == want


def test_what_comes_to_the_need_exactly_is_enough() -> None:
    """Not one example more is asked for."""
    examples = {"a": pool(100)}
    stated = plan({"a": 1}, size=10)
    sampled_rows = sampled(mix(examples, stated, seed=1))
    counted = pl.col("place").is_in([place for _, place in sampled_rows])
    known = pl.concat([examples["a"].filter(counted), uncounted(examples["a"].filter(~counted))])
    assert sampled(mix({"a": known}, stated, seed=1)) == sampled_rows
    one_less = known.with_columns(pl.when(pl.int_range(pl.len()) > 0).then("part").alias("part"))
    assert draw({"a": one_less}, stated, seed=1, max_tokens=MAX_TOKENS).wanted.height > 0


def test_a_source_that_is_partly_counted_is_not_asked_from_the_start_again() -> None:
    """Also while another one is not counted at all."""
    examples, stated = two(1000, 1000), plan(unit="tokens", size=30_000)
    nothing = {name: uncounted(rows) for name, rows in examples.items()}
    first = draw(nothing, stated, seed=1, max_tokens=MAX_TOKENS).wanted.filter(shard=0)
    counted = pl.col("row").is_in(first["row"].implode())
    known = pl.concat([examples["a"].filter(counted), uncounted(examples["a"].filter(~counted))])
    then = draw({"a": known, "b": nothing["b"]}, stated, seed=1, max_tokens=MAX_TOKENS).wanted
    assert first.height == 64
    assert set(then["shard"]) == {0, 1}
    assert not set(then.filter(shard=0)["row"]) & set(first["row"])


@pytest.mark.parametrize(("aim", "asked"), [(9, 0), (10, 0), (11, 18), (12, 19), (110, 118)])
def test_what_is_missing_is_asked_for_with_a_few_to_spare(aim: int, asked: int) -> None:
    """Nothing once the aim is reached, else two in a hundred and 17 more than are missing."""
    counted = pl.DataFrame({"weight": [1] * 10 + [None] * 200}, schema={"weight": pl.Int64})
    assert mix_module._count(counted, pl.Series([1.0] * 200), aim) == asked


def test_nothing_and_all_are_asked_for_as_they_are() -> None:
    """What is between goes on to the end of a step, which other numbers near it share."""
    ranked = mix_module._ranked(uncounted(pool(5000)), plan({"a": 1}), 1, "train")
    asked = [mix_module._ask(ranked, count, 1).height for count in range(0, 5001, 10)]
    assert (asked[0], asked[-1]) == (0, 5000)
    assert asked == sorted(asked)
    assert all(count <= got <= count * 1.04 + 4 for count, got in zip(range(0, 5001, 10), asked, strict=True))
    assert len(set(asked[250:])) < 70
