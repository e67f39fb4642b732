"""A recipe in hand: its file, what a form says of it, and the file again.

Settings that no form shows stay as they are.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from thinkmix.curation.gates.known import GATES
from thinkmix.curation.rules.known import RULES
from thinkmix.flows.recipe.recipes import parse
from thinkmix.flows.store.atomic import make_folder, write_atomically
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.workspace.recipes import own_recipes, recipe_folder
from thinkmix.schemas.errors import NotFound, RecipeError
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.formats.recognition import FORMATS

_NUMBERS = ("size", "eval_share")
_SOURCE_WORDS = ("thinking", "licence", "revision")
_SOURCE_NUMBERS = ("priority", "max_solutions_per_problem")


class Draft(NamedTuple):
    """A recipe as its file states it."""

    name: str
    path: Path
    text: str
    stated: Mapping[str, Any]
    """What the YAML says; empty if it cannot be read."""
    trouble: str
    """Why it is not a recipe, in lines; empty if it is one."""

    @property
    def digest(self) -> str:
        """Return what tells this text from others."""
        return sha256(self.text.encode()).hexdigest()


def open_draft(root: Path, name: str) -> Draft:
    """Return a recipe that the workspace wrote.

    Raises:
        NotFound: if the workspace has no recipe of this name.
    """
    path = own_recipes(root).get(name)
    if path is None:
        msg = f"the workspace has no recipe {name!r}"
        raise NotFound(msg)
    return draft_of(name, path, path.read_text("utf-8"))


def draft_of(name: str, path: Path, text: str) -> Draft:
    """Return a text as a recipe, whether or not it is one."""
    trouble = ""
    try:
        parse(text, path.name, path.parent)
    except RecipeError as error:
        trouble = str(error)
    try:
        stated = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        stated = None
    return Draft(name, path, text, stated if isinstance(stated, dict) else {}, trouble)


def save(root: Path, draft: Draft, *, before: str) -> None:
    """Write a recipe, if its file still says what it said when the form was opened.

    Args:
        root: the store.
        draft: what is to be written.
        before: digest of the text that the form was made from; empty for a new file.

    Raises:
        RecipeError: if it is not a recipe, or somebody else wrote the file in the meantime.
    """
    if draft.trouble:
        raise RecipeError(draft.trouble)
    there = draft.path.read_text("utf-8") if draft.path.exists() else ""
    if (sha256(there.encode()).hexdigest() if there else "") != before:
        way = "copy what you need and load it again"
        msg = f"{draft.path.name} was changed elsewhere while this form was open; {way}"
        raise RecipeError(msg)
    with full_disk(root):
        make_folder(recipe_folder(root))
        write_atomically(draft.path, draft.text.encode())


def restate(stated: Mapping[str, Any], fields: Mapping[str, str]) -> str:
    """Return a recipe as YAML after a form was filled in; comments are not kept.

    Args:
        stated: what the recipe says.
        fields: of the form: `title`, `template`, `mix.<setting>`, `share.<source>`,
            `source.<place>.<setting>`, `source.<place>.column.<setting>`, `rule.<name>` and `gate.<name>`;
            others are passed over.
    """
    changed = {**stated}
    for word in ("title", "template"):
        _put(changed, word, fields.get(word))
    mix = {**changed.get("mix", {})}
    for word in ("unit", "when_short"):
        _put(mix, word, fields.get(f"mix.{word}"))
    for word in _NUMBERS:
        _put(mix, word, fields.get(f"mix.{word}"), number=True)
    shares = {
        name.removeprefix("share."): _number(value)
        for name, value in fields.items()
        if name.startswith("share.")
    }
    if shares:
        mix["shares"] = {**mix.get("shares", {}), **shares}
    changed["mix"] = mix
    changed["sources"] = [
        _source(source, place, fields) for place, source in enumerate(changed.get("sources") or [])
    ]
    for group, known in (("rule", [rule.name for rule in RULES]), ("gate", [gate.name for gate in GATES])):
        settings = {**changed.get(f"{group}s", {})}
        for name in known:
            _act(settings, name, fields.get(f"{group}.{name}"))
        changed.pop(f"{group}s", None)
        if settings:
            changed[f"{group}s"] = settings
    return yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, width=110)


def _source(source: Mapping[str, Any], place: int, fields: Mapping[str, str]) -> dict[str, Any]:
    changed, head = {**source}, f"source.{place}."
    for word in _SOURCE_WORDS:
        _put(changed, word, fields.get(head + word))
    for word in _SOURCE_NUMBERS:
        _put(changed, word, fields.get(head + word), number=True)
    if kind := fields.get(f"{head}format"):
        before = changed.get("format")
        same = before == kind or (isinstance(before, dict) and before.get("type") == kind)
        more = {**before} if same and isinstance(before, dict) else {"type": kind}
        for setting in columns_asked(kind):
            _put(more, setting, fields.get(f"{head}column.{setting}"))
        changed["format"] = more if len(more) > 1 else kind
    return changed


def columns_asked(kind: str) -> list[str]:
    """Return the settings of a format that name a column of the rows."""
    known = {format.model_fields["type"].default: format for format in FORMATS}
    return _columns(known[kind]) if kind in known else []


def _columns(format: type[Format]) -> list[str]:
    return [
        name for name, shape in format.model_json_schema()["properties"].items() if _is_column(name, shape)
    ]


def _is_column(name: str, shape: Mapping[str, Any]) -> bool:
    """Return whether a setting is the name of a column: text of any letters, up to 256 of them."""
    options = shape.get("anyOf", [shape])
    return name != "type" and any(
        option.get("maxLength") == 256 and "enum" not in option for option in options
    )


def _act(settings: dict[str, Any], name: str, action: str | None) -> None:
    """State what a rule or gate does; an empty word means what it does by itself."""
    if action is None:
        return
    before = settings.get(name)
    more = (
        {key: value for key, value in before.items() if key != "action"} if isinstance(before, dict) else {}
    )
    if action:
        settings[name] = {"action": action, **more} if more else action
    elif more:
        settings[name] = more
    else:
        settings.pop(name, None)


def _put(settings: dict[str, Any], name: str, value: str | None, *, number: bool = False) -> None:
    """Set what a field says; an empty one takes the setting away, and one that is not there leaves it."""
    if value is None:
        return
    if value.strip():
        settings[name] = _number(value) if number else value.strip()
    else:
        settings.pop(name, None)


def _number(value: str) -> object:
    """Return what a field says as a number, or as it is: the recipe's check says what is wrong with it."""
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return value
