"""What a recipe may say, and what is refused before anything is fetched."""

from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.sources.local_source import LocalSource


def recipe(**changes: Any) -> Recipe:
    sources = [{"kind": "local", "name": name, "format": "sharegpt", "files": ["*"]} for name in "ab"]
    return Recipe.model_validate(
        {"name": "m", "sources": sources, "mix": {"shares": {"a": 0.7, "b": 0.3}}, **changes}
    )


@pytest.mark.parametrize(
    "shares",
    [
        {"a": 0.7, "b": 0.3},
        {"a": 0.1, "b": 0.2, "c": 0.7},
        {"a": 1, "b": 0},
        {"a": "0.5", "b": "0.5"},
        {"a": 0.3333333333333333, "b": 0.3333333333333333, "c": 0.3333333333333334},
        {"a": 1e-05, "b": 0.99999},
    ],
)
def test_shares_are_the_decimals_that_were_written(shares: dict[str, Any]) -> None:
    """They are added as decimals, so that 0.1 + 0.2 + 0.7 is 1."""
    assert sum(MixPlan(shares=shares).exact_shares().values()) == 1
    assert MixPlan(shares={"a": 0.7, "b": 0.3}).exact_shares() == {"a": Fraction(7, 10), "b": Fraction(3, 10)}


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {"a": 0.7, "b": 0.2},
        {"a": 0.333, "b": 0.333, "c": 0.333},
        {"a": 1.5, "b": -0.5},
        {"a": float("nan")},
        {"a": float("inf")},
        {"A": 1},
        {"../a": 1},
    ],
)
def test_shares_that_are_no_fractions_of_one_are_refused(shares: dict[str, Any]) -> None:
    """Sums other than 1, negative shares, NaN, and names that are no names."""
    with pytest.raises(ValidationError):
        MixPlan(shares=shares)


@pytest.mark.parametrize(
    ("mix", "want"),
    [
        ({"replay": ["c"]}, {"a": Fraction(63, 100), "b": Fraction(27, 100), "c": Fraction(1, 10)}),
        (
            {"replay": ["c"], "replay_share": 0.3},
            {"a": Fraction(49, 100), "b": Fraction(21, 100), "c": Fraction(3, 10)},
        ),
        (
            {"replay": ["c", "d", "e"]},
            {"a": Fraction(63, 100), "b": Fraction(27, 100)} | dict.fromkeys("cde", Fraction(1, 30)),
        ),
        ({"replay_share": 0.3}, {"a": Fraction(7, 10), "b": Fraction(3, 10)}),
    ],
)
def test_replay_takes_a_tenth_and_leaves_the_others_in_proportion(
    mix: dict[str, Any], want: dict[str, Fraction]
) -> None:
    """Shares are scaled as fractions, so that all of them sum to 1 exactly; without replay they stay."""
    shares = MixPlan(shares={"a": 0.7, "b": 0.3}, **mix).exact_shares()
    assert shares == want
    assert sum(shares.values()) == 1


def test_a_replay_source_is_a_source() -> None:
    """It must be declared among the sources, and needs no share of its own."""
    stated = recipe(mix={"shares": {"a": 1}, "replay": ["b"]})
    assert stated.mix.exact_shares() == {"a": Fraction(9, 10), "b": Fraction(1, 10)}
    assert Recipe.model_validate(stated.model_dump(mode="json")) == stated


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"mix": {"shares": {"a": 1}, "replay": ["c"]}}, "unknown sources: c"),
        ({"mix": {"shares": {"a": 0.7, "b": 0.3}, "replay": ["b"]}}, "name b once, and only there"),
        ({"mix": {"shares": {"a": 1}, "replay": ["b", "b"]}}, "name b once"),
        ({"mix": {"shares": {"a": 1}, "replay": ["b"], "replay_share": 0}}, "greater than 0"),
        ({"mix": {"shares": {"a": 1}, "replay": ["b"], "replay_share": 1}}, "less than 1"),
        ({"mix": {"shares": {"a": 1}}}, "sources without a share: b"),
        ({"mix": {"shares": {"a": 0.5, "b": 0.2, "c": 0.3}}}, "unknown sources: c"),
        ({"sources": recipe().model_dump()["sources"][:1] * 2}, "source names must be unique, got a twice"),
        ({"mix": {"shares": {"a": 0.5, "b": 0.5}, "when_short": "repeat"}}, "repeat needs a size"),
        ({"dedup": {"bands": 7, "permutations": 128}}, r"bands \(7\) must divide permutations \(128\)"),
        ({"colour": "red"}, "Extra inputs"),
        ({"seed": -1}, "greater than or equal"),
        ({"template": "qwen2"}, "qwen3"),
        ({"sources": [{"kind": "local", "name": "a", "format": "csv", "files": ["*"]}]}, "openmathreasoning"),
    ],
)
def test_a_contradiction_is_named(changes: dict[str, Any], why: str) -> None:
    """Every refusal says which part of the recipe is meant."""
    with pytest.raises(ValidationError, match=why):
        recipe(**changes)


def test_a_format_is_a_name_or_a_name_and_settings() -> None:
    """The short form means the format as it is usually laid out."""
    short = LocalSource(name="a", format="alpaca", files=("*",))
    long = LocalSource(name="a", format={"type": "alpaca", "output": "response"}, files=("*",))
    assert short.format.model_dump() | {"output": "response"} == long.format.model_dump()


def test_a_recipe_survives_its_own_dump() -> None:
    """What is written into the manifest reads back as the same recipe."""
    assert Recipe.model_validate(recipe().model_dump(mode="json")) == recipe()
    assert DedupPlan.model_validate(recipe().dedup.model_dump()) == DedupPlan()


def test_a_source_states_rules_setting_by_setting() -> None:
    """What it does not state is as the recipe says; the recipe in the manifest says the same again."""
    stated = recipe(rules={"repetition": {"action": "flag", "above": 0.2}}).model_dump(mode="json")
    stated["sources"][0]["rules"] = {"repetition": {"min_words": 90}}
    stated["sources"][1]["rules"] = {"repetition": False}
    found = Recipe.model_validate(stated)
    (first,), second = (found.judging(source).rules for source in found.sources[:2])
    assert (first.action, first.above, first.min_words) == ("flag", 0.2, 90)
    assert second == ()
    again = Recipe.model_validate(found.model_dump(mode="json"))
    assert [again.judging(source) for source in again.sources] == [
        found.judging(source) for source in found.sources
    ]
