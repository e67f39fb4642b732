"""Recipes as files: what is refused, in whose words, and what a flag overrides."""

from pathlib import Path

import pytest
import yaml

from tests.harness.builders import recipe, statement, write_recipe
from thinkmix.flows.recipe.recipes import LARGEST, load, override, parse, shipped_recipes
from thinkmix.schemas.errors import RecipeError


def stated(**changes: object) -> str:
    """Return the small recipe as YAML."""
    return yaml.safe_dump(statement(**changes))


def test_shipped_recipes_are_valid():
    """Every recipe that comes with the program loads, under its own name, with a title."""
    assert {"math-7-3", "balanced-5-5"} <= set(shipped_recipes())
    for name in shipped_recipes():
        assert load(name).recipe.name == name
        assert load(name).recipe.title


@pytest.mark.parametrize(("name", "math"), [("math-7-3", 0.7), ("balanced-5-5", 0.5)])
def test_shipped_recipes_pin_their_revisions(name: str, math: float):
    """The two hub recipes state the shares of their name, and commits rather than branches."""
    found = load(name).recipe
    assert found.mix.shares == {"math": math, "chat": pytest.approx(1 - math)}
    assert [len(source.revision) for source in found.sources] == [40, 40]


@pytest.mark.parametrize("name", ["small-and-repeated", "olympiad-second-round"])
def test_recipes_that_select_pin_their_revisions_and_ask_for_verified_answers(name: str):
    """Both state commits, and a band of pass rates."""
    found = load(name).recipe
    (math,) = (source for source in found.sources if source.name == "math")
    assert {len(source.revision) for source in found.sources} == {40}
    assert math.select.verified
    assert math.select.pass_rate


def test_recipe_starts_at_its_own_folder(tmp_path: Path):
    """Relative patterns of a recipe start where the recipe lies."""
    located = load(str(write_recipe(tmp_path / "mine.yaml")))
    assert located.base == tmp_path
    assert located.recipe == recipe()


def test_unknown_recipe_names_the_known_ones(tmp_path: Path):
    """A name that is neither a recipe nor a file is answered with those that there are."""
    with pytest.raises(RecipeError, match=r"neither a file nor one of .*math-7-3"):
        load("math-73")
    with pytest.raises(RecipeError, match="neither a file"):
        load(str(tmp_path))


@pytest.mark.acceptance("A18")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "not YAML"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("name: a\nname: b", "is twice in the mapping that begins at line 1"),
        ("!!python/object/apply:os.system [true]", "not YAML"),
        ("[" * 20_000, "not YAML"),
        ("a: \x00", "not YAML"),
        ("when: 2026-99-99", "not YAML"),
        ("- a\n- b", "the recipe holds a list"),
        ("", "the recipe is empty"),
        ("name: a", "sources: is missing: where rows come from"),
        (stated(colour="red"), "colour: not a setting"),
        (stated(name="../up"), "name: "),
        (stated(shares={"math": 0.5, "chat": 0.4}), "mix.shares: shares sum to 0.9, and fractions"),
        (stated(shares={"math": 0.5, "code": 0.5}), "mix: shares name unknown sources: code; the"),
        (stated(shares={"math": float("nan"), "chat": 1}), "mix"),
        (stated(when_short="repeat"), "mix: when_short: repeat needs a size"),
        (stated(sources=[]), "sources: "),
        (stated(dedup={"bands": 7, "permutations": 128}), "dedup: bands (7) must divide permutations (128)"),
        (stated(dedup={"threshold": 1.5}), "dedup.threshold: "),
        (stated(template="llama"), "template: "),
    ],
)
def test_what_a_recipe_may_not_say(text: str, says: str):
    """Whatever is wrong with a recipe is said in terms of the recipe, with its name in front."""
    with pytest.raises(RecipeError) as raised:
        parse(text, "mine.yaml")
    assert str(raised.value).startswith("mine.yaml:")
    assert says in str(raised.value)


def source(**changes: object) -> str:
    """Return a recipe with one source that states `changes`, too."""
    one = {"name": "a", "kind": "local", "files": ["rows.jsonl"], "format": "sharegpt", **changes}
    return yaml.safe_dump({"name": "t", "sources": [one], "mix": {"shares": {"a": 1.0}}})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fles": 1}, "sources.a.fles: not a setting; did you mean `files`?"),
        (
            {"format": "sharegtp"},
            "sources.a.format: there is no 'sharegtp'; did you mean `sharegpt`?",
        ),
        (
            {"format": {"type": "messages", "scroe": "x"}},
            "sources.a.format.scroe: not a setting; did you mean `score`?",
        ),
        (
            {"format": {"type": "sharegpt", "roles": {"narrator": "asistant"}}},
            "sources.a.format.roles.narrator: 'asistant' is not a role, there are system, "
            "user, assistant, function_call, tool; did you mean `assistant`?",
        ),
        (
            {"format": {"type": "oasst", "zzz": 1}},
            "sources.a.format.zzz: not a setting; there are type",
        ),
        ({"format": None}, "sources.a.format: nothing is stated here; state a value, or leave"),
        ({"files": None}, "sources.a.files: nothing is stated here; state a value, or leave"),
        ({"format": {"roles": {}}}, "sources.a.format.type: is missing beside its settings: add it"),
    ],
)
def test_a_wrong_setting_is_one_line_with_what_is_meant(changes: dict[str, object], says: str):
    """The field, the value, the nearest known one, and no line that only follows from it."""
    with pytest.raises(RecipeError) as caught:
        parse(source(**changes), "mine.yaml")
    head, line = str(caught.value).split("\n")
    assert (head, line.strip().startswith(says)) == ("mine.yaml:", True)


def test_files_that_are_no_recipes(tmp_path: Path):
    """A file that is huge, or no text, is refused before it is read as YAML."""
    path = tmp_path / "huge.yaml"
    path.write_bytes(b" " * (LARGEST + 1))
    with pytest.raises(RecipeError, match="larger than"):
        load(str(path))
    path.write_bytes(b"name: \xff")
    with pytest.raises(RecipeError, match="not UTF-8"):
        load(str(path))


def test_flags_override_recipe_and_mix():
    """A flag that is given replaces the recipe's word; one that is not given changes nothing."""
    changed = override(recipe(), unit="tokens", size=10, seed=None)
    assert (changed.mix.unit, changed.mix.size, changed.seed) == ("tokens", 10, recipe().seed)
    assert override(recipe(), unit=None, seed=4) == recipe(seed=4)
    assert override(load("math-7-3").recipe) == load("math-7-3").recipe


def test_impossible_flags_are_refused():
    """A flag is checked like the recipe it changes, and its name is in the answer."""
    with pytest.raises(RecipeError, match=r"mix\.unit"):
        override(recipe(), unit="words")
    with pytest.raises(RecipeError, match="seed"):
        override(recipe(), seed=-1)
