"""What two versions were made from, compared: one sentence for everything that is not the same."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from thinkmix.curation.gates.results import count_of
from thinkmix.schemas.manifest import Manifest, SourceEntry
from thinkmix.schemas.stated import stated_settings

_SHORT = 12
_NAMED = 3


def settings(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """Return what changed in sources, recipe, code, template and libraries, from what to what.

    Both recipes state the same settings: the reader of a manifest of an older release adds what it lacks.
    """
    return (
        *_sources(before.sources, after.sources),
        *(f"recipe: {line}" for line in _fields(before, after)),
        *_digest("code", before.code_sha256, after.code_sha256),
        *_words("template", before.template, after.template),
        *_digest("text of the template", before.template_sha256, after.template_sha256),
        *_digest("tokenizer", before.tokenizer_sha256, after.tokenizer_sha256),
        *_libraries(before.libraries, after.libraries),
    )


def changed_fields(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """Return the dotted paths of the recipe's fields that differ, such as `sources.math.thinking`."""
    old, new = _flat_recipe(before), _flat_recipe(after)
    return tuple(path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path))


def same_files(before: Manifest, after: Manifest, source: str) -> list[str]:
    """Return the files of a source that are the same on both sides, name and bytes."""
    old, new = (
        {file.name: file.sha256 for entry in side.sources if entry.name == source for file in entry.files}
        for side in (before, after)
    )
    return [name for name, sha256 in old.items() if new.get(name) == sha256]


def _sources(before: Iterable[SourceEntry], after: Iterable[SourceEntry]) -> Iterator[str]:
    old, new = ({source.name: source for source in side} for side in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if name not in new or name not in old:
            yield f"source {name}: {'new' if name in new else 'gone'}"
            continue
        yield from _words(f"source {name}: dataset", old[name].dataset, new[name].dataset)
        if old[name].revision != old[name].commit:  # files on disk are asked for by what they hold
            yield from _words(f"source {name}: revision", old[name].revision, new[name].revision)
        yield from _digest(f"source {name}: commit", old[name].commit, new[name].commit)
        yield from _files(old[name], new[name])


def _files(before: SourceEntry, after: SourceEntry) -> Iterator[str]:
    old, new = ({file.name: file.sha256 for file in side.files} for side in (before, after))
    differ = {
        "changed": [name for name in old if name in new and old[name] != new[name]],
        "new": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
    }
    for word, names in differ.items():
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            listed = ", ".join(sorted(names)[:_NAMED])
            yield f"source {before.name}: {count_of(len(names), 'file')} {word} ({listed}{more})"


def _fields(before: Manifest, after: Manifest) -> Iterator[str]:
    """Yield the recipe's fields that differ; of a source that is on one side only, its entry says enough."""
    old, new = _flat_recipe(before), _flat_recipe(after)
    names = [{source.name for source in stated_settings(side.recipe).sources} for side in (before, after)]
    lone = tuple(f"sources.{name}." for name in names[0] ^ names[1])
    for path in changed_fields(before, after):
        if not path.startswith(lone):
            yield f"{path} {_shown(old, path)} → {_shown(new, path)}"


def _flat_recipe(manifest: Manifest) -> dict[str, object]:
    """Return the recipe's settings by dotted path; a source's start with its name, not with its place."""
    recipe: dict[str, Any] = dict(manifest.recipe)
    recipe["sources"] = {source["name"]: dict(source) for source in recipe["sources"]}
    for entry in manifest.sources:
        if entry.format:  # what rows were recognised as, where the recipe says `auto`
            recipe["sources"][entry.name]["format"] = entry.format
    return dict(_flat(recipe, ""))


def _flat(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def _shown(fields: Mapping[str, object], path: str) -> str:
    """Return a setting's value in words; one that the other version's recipe does not have is not stated."""
    value = fields.get(path)
    if value is None:
        return "unset"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _libraries(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        yield from _words(f"library {name}", before.get(name, "none"), after.get(name, "none"))


def _words(what: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{what} {before} → {after}"


def _digest(what: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{what} {before[:_SHORT]} → {after[:_SHORT]}"
