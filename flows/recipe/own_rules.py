"""Rule files that a recipe names: read when the recipe is read, and again before a build's first row."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from posixpath import normpath

from thinkmix.curation.rules.contract import Rule
from thinkmix.curation.rules.own import SUFFIX, AnyRule, OwnRule, describe, load_rule, made
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.errors import RecipeError

LARGEST = 64 * 1024
"""Largest rule file in bytes."""

_OF_RULES = ("action", "reviewed")


def pin_rules(stated: Mapping[str, object], base: Path) -> dict[str, object]:
    """Return what a recipe's file states, with each rule file as it is now: its rule, and its sha256.

    This runs the code of the files.

    Args:
        stated: plain YAML, not checked yet.
        base: folder of the recipe's file.

    Raises:
        RecipeError: if a file is not there or defines no rule, or its rule refuses a setting.
    """
    found = dict(stated)
    found |= _pinned(stated, base)
    if isinstance(sources := stated.get("sources"), list):
        found["sources"] = [
            {**source, **_pinned(source, base)} if isinstance(source, Mapping) else source
            for source in sources
        ]
    return found


def open_rules(recipe: Recipe, base: Path) -> Recipe:
    """Return a recipe whose rules of users' files hold the text of their files, as workers run them.

    Raises:
        RecipeError: if a file is not what it was when the recipe was read.
    """
    if not recipe.own_rules:
        return recipe
    texts = {path: _same_text(rule, base) for path, rule in recipe.own_rules.items()}
    sources = tuple(
        source.model_copy(update={"rules": _with_texts(source.rules, texts)}) for source in recipe.sources
    )
    opened = recipe.model_copy(update={"rules": _with_texts(recipe.rules, texts), "sources": sources})
    for rules in (opened.rules, *(source.rules for source in sources)):
        for rule in rules.values():
            if isinstance(rule, OwnRule):
                rule.rule()  # what recipe and source state of it together
    return opened


def rule_in(path: Path) -> type[Rule]:
    """Return the rule of a file.

    Raises:
        RecipeError: if there is no such file, or it defines no rule.
    """
    code = read_rule_file(path, str(path))
    describe(str(path), code)
    return load_rule(str(path), code)


def read_rule_file(path: Path, shown: str) -> str:
    """Return the text of a rule file.

    Raises:
        RecipeError: if it is not there, or larger than a rule file may be.
    """
    if not path.is_file():
        msg = f"{shown}: there is no such file in {path.parent}; a recipe needs its rule files beside it"
        raise RecipeError(msg)
    content = path.read_bytes()
    if len(content) > LARGEST:
        msg = f"{shown}: larger than {LARGEST:,} bytes, which no rule file is; shorten it"
        raise RecipeError(msg)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        msg = f"{shown}: not UTF-8 text ({error}); save it as UTF-8"
        raise RecipeError(msg) from None


def _pinned(stated: Mapping[str, object], base: Path) -> dict[str, object]:
    rules = stated.get("rules")
    if not isinstance(rules, Mapping):
        return {}
    return {
        "rules": {
            normpath(name) if _is_file(name) else name: _pin(normpath(name), given, base)
            if _is_file(name)
            else given
            for name, given in rules.items()
        }
    }


def _is_file(name: object) -> bool:
    return isinstance(name, str) and name.endswith(SUFFIX)


def _pin(path: str, given: object, base: Path) -> object:
    """Return what is stated of a rule file, with what the file says; anything else stays as it is."""
    if PurePosixPath(path).is_absolute():
        msg = f"rules.{path}: an absolute path is another machine's; write it from the recipe's folder"
        raise RecipeError(msg)
    if isinstance(given, str) or given is False:
        given = {"action": given}
    if not isinstance(given, Mapping):
        msg = f"rules.{path}: state an action, or settings by name"
        raise RecipeError(msg)
    if "file" in given:  # a recipe that was read before
        return given
    code = read_rule_file(base / path, f"rules.{path}")
    file = describe(path, code)
    settings = {name: value for name, value in given.items() if name not in _OF_RULES}
    made(load_rule(path, code), settings, f"rules.{path}")
    rest = {name: value for name, value in given.items() if name in _OF_RULES}
    return {**rest, **({"settings": settings} if settings else {}), "file": file.model_dump()}


def _same_text(rule: OwnRule, base: Path) -> str:
    file = rule.file
    code = read_rule_file(base / file.path, f"rules.{file.path}")
    if (now := sha256(code.encode()).hexdigest()) != file.sha256:
        msg = f"rules.{file.path}: it has the sha256 {now[:12]}, and had {file.sha256[:12]} when its recipe"
        raise RecipeError(f"{msg} was read; read the recipe again")
    if describe(file.path, code) != file:
        msg = f"rules.{file.path}: its rule has another name or sentence than its recipe states"
        raise RecipeError(f"{msg}; leave `file` out of the recipe, and read it again")
    return code


def _with_texts(rules: Mapping[str, AnyRule], texts: Mapping[str, str]) -> dict[str, AnyRule]:
    return {
        name: rule.model_copy(update={"code": texts[rule.file.path]}) if isinstance(rule, OwnRule) else rule
        for name, rule in rules.items()
    }
