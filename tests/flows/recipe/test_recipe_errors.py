"""What a person is told of a broken recipe: the field, what is wrong with it, and the way out, in words."""

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.harness.builders import recipe
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.flows.recipe.plans import load_plan
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import override, parse
from thinkmix.flows.recipe.training import RecipeFile
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.patterns import IN_WORDS, NAME, as_name

JARGON = (
    "{'",
    "Tuple",
    "Input should",
    "type=",
    "pydantic",
    "dictionary",
    "instance",
    "^[",
    "]{",
    "Value error",
)
"""What no sentence may hold: Python, pydantic and regular expressions."""

WAYS_OUT = (
    "did you mean",
    "add ",
    "state ",
    "move it",
    "write ",
    "there are ",
    "shorten",
    "change",
    "rename",
)
WAYS_OUT += (
    "raise ",
    "are two keys",
    "the sources are",
    "not both",
    "give ",
    "correct",
    "indent",
    "the first is",
)
WAYS_OUT += ("organisation/name", "letters, digits", "as in")


def broken(**changes: object) -> str:
    """Return a recipe with one source, wrong in one place: `source_x` and `mix_x` go into source and mix."""
    source = {"name": "a", "kind": "local", "files": ["rows.jsonl"], "format": "sharegpt"}
    stated: dict[str, object] = {"name": "t", "sources": [source], "mix": {"shares": {"a": 1}}}
    for name, value in changes.items():
        for prefix, place in (("source_", source), ("mix_", stated["mix"])):
            if name.startswith(prefix):
                place[name.removeprefix(prefix)] = value  # type: ignore[index]
                break
        else:
            stated[name] = value
    return yaml.safe_dump({name: value for name, value in stated.items() if value != "gone"})


KINDS = [
    (broken(fomat="qwen3"), "fomat"),
    (broken(shares={"a": 1}), "shares: not a setting here, but of `mix`"),
    (broken(thinking="required"), "thinking: not a setting here, but of a source"),
    (broken(source_max_tokens=5), "sources.a.max_tokens: not a setting here, but of the top level"),
    (broken(source_roles={"x": "user"}), "sources.a.roles: not a setting here, but of `format`"),
    (broken(source_formt="alpaca"), "sources.a.formt: not a setting; did you mean `format`?"),
    (broken(source_format="alpca"), "sources.a.format: there is no 'alpca'; did you mean `alpaca`?"),
    (broken(source_format=[1]), "sources.a.format"),
    (broken(source_format={"type": "messages", "messages": 5}), "sources.a.format.messages"),
    (broken(source_format={"type": "messages", "mesages": "x"}), "sources.a.format.mesages: not a"),
    (broken(source_format={"type": "sharegpt", "roles": ["a"]}), "sources.a.format.roles"),
    (broken(source_format={"type": "sharegpt", "text": "x", "speaker": "x"}), "sources.a.format"),
    (broken(dedup={"treshold": 0.7}), "dedup.treshold: not a setting; did you mean `threshold`?"),
    (broken(dedup={"threshold": 7}), "dedup.threshold: state at most 1, not `7`"),
    (broken(dedup={"threshold": "high"}), "dedup.threshold: state a number, not 'high'"),
    (broken(dedup={"bands": 7}), "dedup: bands (7) must divide permutations (120)"),
    (broken(dedup=0.8), "dedup"),
    (broken(gates={"quarantne": {}}), "gates.quarantne: not a setting; did you mean `quarantine`?"),
    (broken(gates={"rows": {"fewr": 1}}), "gates.rows.fewr: not a setting; did you mean `fewer`?"),
    (broken(gates={"rows": {"action": "stop"}}), "gates.rows.action: there is no 'stop'; there are off"),
    (broken(gates={"rows": 3}), "gates.rows"),
    (broken(source_kind="hube"), "sources.a.kind: there is no 'hube'; did you mean `hub`?"),
    (broken(source_kind="hub"), "sources.a.dataset: is missing"),
    (broken(source_kind="hub", source_dataset="FineTome"), "sources.a.dataset"),
    (broken(source_files="rows.jsonl"), "sources.a.files: state a list"),
    (broken(source_files=[]), "sources.a.files"),
    (broken(source_files=[7]), "sources.a.files.0: state text, not `7`"),
    (broken(source_rows="a..b"), "sources.a.rows"),
    (broken(source_name="My Rows!"), "sources.0.name: 'My Rows!' is not a name: small"),
    (broken(source_thinking=True), "sources.a.thinking: there is no `true`"),
    (broken(name="My Mix"), "name: 'My Mix' is not a name: small letters, digits, - and _; at most 64"),
    (broken(title="x" * 3000), "title: at most 2000 characters"),
    (broken(max_tokens=1.5), "max_tokens: state a whole number, not `1.5`"),
    (broken(max_tokens="many"), "max_tokens: state a whole number, not 'many'"),
    (broken(seed=-1), "seed: state at least 0, not `-1`"),
    (broken(template="llama3"), "template: there is no 'llama3'; there are qwen3,"),
    (broken(sources="gone"), "sources: is missing: where rows come from"),
    (broken(sources={"a": {}}), "sources: state a list"),
    (broken(sources=[3]), "sources.0: state settings by name"),
    (broken(mix_shares={"a": 0.5}), "mix.shares: shares sum to 0.5, and fractions must sum to 1"),
    (broken(mix_shares={"a": 0}), "mix.shares: all shares are 0"),
    (broken(mix_shares={"a": "x"}), "mix.shares.a: state a number"),
    (broken(mix_shares={"A b": 1}), "mix.shares.A b: 'A b' is not a name"),
    (broken(mix_shares={"b": 1}), "mix: shares name unknown sources: b"),
    (broken(mix_shares=[1]), "mix.shares: state settings by name"),
    (broken(mix_shares={}), "mix.shares: nothing stands here"),
    (broken(mix_when_short="repeat"), "mix: when_short: repeat needs a size"),
    (broken(decontaminate={"benchmarks": [{"name": "gsm"}]}), "decontaminate.benchmarks.gsm.files: is"),
    (broken(rules={"repetitoin": "drop"}), "rules.repetitoin: not a setting; did you mean `repetition`?"),
    (broken(rules={"repetition": "flg"}), "rules.repetition: there is no 'flg'; did you mean `flag`?"),
    (broken(rules={"repetition": {"abov": 0.1}}), "rules.repetition.abov: not a setting; did you mean `abo"),
    (broken(rules={"repetition": {"above": 2}}), "rules.repetition.above: state less than 1, not `2`"),
    (broken(rules={"repetition": {"above": 0.2}}), "sources: a: the rule repetition has settings and is off"),
    (broken(rules=["repetition"]), "rules: state settings by name"),
    (broken(source_rules={"repetition": 3}), "sources.a.rules.repetition: state settings by name"),
    (broken(source_select={"witout": ["x"]}), "sources.a.select.witout: not a setting; did you mean `w"),
    (broken(source_select={"with": ["repetition"]}), "sources: a: `select` names repetition, which flags no"),
    (broken(train={"model": "x", "plan": {"targets": "q"}}), "train.plan.targets: state `all-linear` or"),
    (broken(train={"model": "x", "plan": {"targets": ["a b"]}}), "train.plan.targets.0: 'a b' is not"),
    (broken(train={"model": "x", "plan": {"rslora": "maybe"}}), "train.plan.rslora: state true or false"),
    (broken(train={"model": "x", "plan": {"max_steps": 1, "epochs": 1}}), "train.plan: give max_steps"),
    (broken(train="tiny-random"), "train: state settings by name"),
]  # fmt: skip


def told(text: str) -> list[str]:
    """Return the lines that refuse a recipe, after the one that names its file."""
    with pytest.raises(RecipeError) as caught:
        parse(text, "mine.yaml")
    head, *lines = str(caught.value).split("\n")
    assert head == "mine.yaml:"
    return [line.removeprefix("  ") for line in lines]


@pytest.mark.parametrize(("text", "begins"), KINDS, ids=[begins for _, begins in KINDS])
def test_a_broken_recipe_is_told_in_one_line_of_plain_words(text: str, begins: str) -> None:
    """The field's path comes first, a way out follows, and nothing in it needs knowledge of Python."""
    (line,) = told(text)

    assert line.startswith(begins)
    assert [word for word in JARGON if word in line] == []
    assert any(word in line for word in WAYS_OUT), line


@pytest.mark.parametrize(
    "text",
    [
        "a: [1",
        "a: &x [1]\nb: *x",
        "name: a\nname: b",
        "",
        "- a",
        "a:\tb\n\tc: 1",
        "[" * 20_000,
        "? [a]: b",
        "x",
    ],
)
def test_what_is_no_recipe_at_all_is_told_in_one_line(text: str) -> None:
    """With the file's name, and where it is known the line."""
    with pytest.raises(RecipeError) as caught:
        parse(text, "mine.yaml")
    said = str(caught.value)

    assert said.startswith("mine.yaml: ")
    assert "\n" not in said
    assert [word for word in (*JARGON, "unicode string") if word in said] == []


def test_no_line_follows_from_another_one() -> None:
    """A source that is wrong is not also missing, and a misspelt setting is not one that is missing."""
    text = broken(source_kind="hub", source_datset="a/b", mix_shares={"a": 0.5})

    assert [line.partition(":")[0] for line in told(text)] == ["sources.a.datset", "mix.shares"]


def test_every_mistake_has_a_line_of_its_own() -> None:
    """Two wrong fields are two lines, in the order of the file's fields."""
    text = broken(name="A", max_tokens=3, gates={"rows": {"more": -1}})

    assert [line.partition(":")[0] for line in told(text)] == ["name", "max_tokens", "gates.rows.more"]


def test_a_plan_and_a_flag_are_refused_in_the_same_words() -> None:
    """What a file of a plan or a flag says wrong is a sentence, too."""
    with pytest.raises(RecipeError, match=r"^rank: state a whole number, not 'x'; metod: not a setting; did"):
        load_plan(None, flags={"rank": "x", "metod": "lora"})
    with pytest.raises(RecipeError, match=r"mix\.unit: there is no 'words'; there are examples, tokens"):
        override(recipe(), unit="words")


def test_every_pattern_of_a_recipe_has_words() -> None:
    """A new pattern without words would be told as something of another form."""

    def patterns(schema: object) -> Iterator[str]:
        if isinstance(schema, dict):
            if isinstance(found := schema.get("pattern"), str):
                yield found
            for inner in schema.values():
                yield from patterns(inner)
        elif isinstance(schema, list):
            for inner in schema:
                yield from patterns(inner)

    assert set(patterns(RecipeFile.model_json_schema())) - {"pattern"} <= set(IN_WORDS)


@pytest.mark.parametrize(
    ("text", "name"),
    [("My Mix", "my-mix"), ("a__b", "a-b"), ("ÄÖ", ""), ("-9.5-", "9-5"), ("x" * 90, "x" * 64)],
)
def test_text_becomes_a_name_that_fits(text: str, name: str) -> None:
    """What is proposed in place of a name that does not fit is one that does."""
    assert as_name(text) == name
    assert not name or MixPlan.model_validate({"shares": {name: 1}}).shares == {name: 1}
    assert NAME in IN_WORDS


@pytest.mark.parametrize(
    ("ratio", "fractions"),
    [
        ({"a": 7, "b": 3}, {"a": 0.7, "b": 0.3}),
        ({"a": 70, "b": 30}, {"a": 0.7, "b": 0.3}),
        ({"a": 1, "b": 1}, {"a": 0.5, "b": 0.5}),
        ({"a": 1, "b": 0}, {"a": 1.0, "b": 0.0}),
    ],
)
def test_whole_numbers_are_a_ratio(ratio: dict[str, int], fractions: dict[str, float]) -> None:
    """7 and 3 are the shares 0.7 and 0.3, exactly; replay takes its part of both alike."""
    for more in ({}, {"replay": ["c"]}):
        stated, written = MixPlan(shares=ratio, **more), MixPlan(shares=fractions, **more)
        assert stated.exact_shares() == written.exact_shares()
        assert sum(stated.exact_shares().values()) == 1


def test_a_ratio_survives_the_manifest() -> None:
    """A recipe with a ratio reads back from its JSON as the same recipe."""
    stated = recipe(shares={"math": 2, "chat": 1})
    assert Recipe.model_validate(json.loads(stated.model_dump_json())) == stated


def test_a_setting_of_an_earlier_release_is_told_its_name_of_now() -> None:
    """In a recipe's training, and as a flag or in a plan of its own."""
    (line,) = told(broken(train={"model": "m", "plan": {"switch_prompts": 8}}))

    assert line == "train.plan.switch_prompts: not a setting any more: it is called `mode_prompts` now"
    with pytest.raises(RecipeError, match="it is called `mode_least` now"):
        load_plan(None, flags={"switch_least": 0.5})
