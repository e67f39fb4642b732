"""Recipes by name or by path: YAML in, a checked `Recipe` out."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import yaml
from pydantic import ValidationError

from thinkmix.flows.recipe import recipe_errors
from thinkmix.flows.recipe.own_rules import pin_rules
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.training import RecipeFile, TrainingSettings
from thinkmix.schemas.errors import RecipeError

LARGEST = 256 * 1024
"""Largest recipe in bytes; a longer file is not one."""


@dataclass(frozen=True)
class Located:
    """A recipe, the folder that its relative patterns start from, and the training that its file asks for."""

    recipe: Recipe
    base: Path
    train: TrainingSettings | None = None


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the program, by name."""
    with as_file(files("thinkmix.data") / "recipes") as folder:
        return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load(name_or_path: str) -> Located:
    """Return the shipped recipe of that name, or the one in that file.

    Raises:
        RecipeError: if it does not exist, is not YAML, or has an impossible value; names the field.
    """
    path = shipped_recipes().get(name_or_path) or Path(name_or_path)
    if not path.is_file():
        msg = f"no recipe {name_or_path!r}: neither a file nor one of {', '.join(shipped_recipes())}"
        raise RecipeError(msg)
    if path.stat().st_size > LARGEST:
        msg = f"{path}: larger than {LARGEST} bytes, not a recipe"
        raise RecipeError(msg)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path}: not UTF-8 text ({error})"
        raise RecipeError(msg) from None
    stated = parse(text, str(path), path.resolve().parent)
    if stated.train:
        from thinkmix.flows.recipe.plans import plan_of  # noqa: PLC0415 - only a recipe that trains needs it

        plan_of(stated.train)
    return Located(stated.recipe, path.resolve().parent, stated.train)


def parse(text: str, where: str, base: Path | None = None) -> RecipeFile:
    """Return the recipe that YAML text states, and what is to follow it.

    Args:
        text: YAML.
        where: its file, for errors.
        base: folder that its rule files start from; unset if those that it names were read before.

    Raises:
        RecipeError: with one line per field that is wrong.
    """
    try:
        stated = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader without aliases
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        msg = f"{where}: not YAML: {_unread(error)}"
        raise RecipeError(msg) from None
    if not isinstance(stated, Mapping):
        held = (
            "is empty" if stated is None else "holds a list" if isinstance(stated, list) else "is one value"
        )
        msg = f"{where}: the recipe {held}: write name, sources and mix, a line each; see docs/recipes.md"
        raise RecipeError(msg)
    if base is not None:
        try:
            stated = pin_rules(stated, base)
        except RecipeError as error:
            msg = f"{where}:\n  {error}"
            raise RecipeError(msg) from None
    try:
        return RecipeFile.model_validate(stated)
    except ValidationError as error:
        wrong = "\n".join(f"  {line}" for line in recipe_errors.lines(error, stated))
        msg = f"{where}:\n{wrong}"
        raise RecipeError(msg) from None


def _unread(error: Exception) -> str:
    """Return why text is not YAML, in one line that says where."""
    if isinstance(error, RecursionError):
        return "it is nested too deep; write it flatter"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark, context = error.problem_mark, f" {error.context}" if error.context else ""
        hints = (advice for words, advice in _ADVICE.items() if words in str(error.problem))
        where = f"line {mark.line + 1}, column {mark.column + 1}"
        return f"{where}:{context} {error.problem}; {next(hints, 'correct that line')}"
    return f"{str(error).partition(chr(10))[0]}; correct it"


_ADVICE: Mapping[str, str] = {
    "\\t": "indent with spaces, not with tabs",
    "mapping values are not allowed": "put text with a colon in quotes, or check the indentation",
    "block": "check the indentation of that line and of the one before",
}
"""The way out, by words of the parser's."""


class _PlainLoader(yaml.SafeLoader):
    """A safe loader that refuses aliases, with which nine lines can fill a memory, and doubled keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            msg = "aliases (*name) are not allowed in a recipe: write the value itself"
            raise yaml.YAMLError(msg)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        mapping: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            names = [str(key.value) for key, _ in node.value]
            twice = next((name for name in names if names.count(name) > 1), "a key")
            msg = f"{twice} is twice in the mapping that begins at line {node.start_mark.line + 1}"
            raise yaml.YAMLError(msg)
        return mapping


def override(recipe: Recipe, **settings: object) -> Recipe:
    """Return the recipe with those settings of recipe or mix replaced that are not None.

    Raises:
        RecipeError: if the changed recipe has an impossible value.
    """
    if all(value is None for value in settings.values()):
        return recipe
    stated = recipe.model_dump(mode="json")
    for name, value in settings.items():
        if value is not None:
            (stated if name in stated else stated["mix"])[name] = value
    return parse(yaml.safe_dump(stated), recipe.name).recipe
