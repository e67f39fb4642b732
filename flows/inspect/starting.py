"""A recipe out of rows: what the first rows of each source are, written down as a recipe with comments."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from string import ascii_letters, digits
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

from thinkmix.curation.audit.preview import Preview
from thinkmix.curation.gates.results import count_of
from thinkmix.curation.read.encodings import UNKNOWN
from thinkmix.curation.read.json_array import lists_in
from thinkmix.curation.read.packed import opened
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.validate.layouts import fitting_formats, recognise, short_statement
from thinkmix.flows.build.losses import guess_encoding, recode
from thinkmix.flows.inspect import sampling
from thinkmix.flows.inspect.checking import check_source, spoken
from thinkmix.flows.inspect.sampling import Place, Sample
from thinkmix.flows.inspect.shards import families, patterns, title
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import parse
from thinkmix.flows.sources import local
from thinkmix.flows.sources.contract import Listed, Source
from thinkmix.flows.sources.known import KINDS
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.flows.system.progress import size
from thinkmix.schemas.errors import RecipeError, SourceError, SourceNotFound
from thinkmix.schemas.files import READABLE, kind_of
from thinkmix.schemas.findings import Finding, looks_like
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.recognition import parse_format
from thinkmix.schemas.formats.sample import columns_of
from thinkmix.schemas.patterns import as_name
from thinkmix.schemas.plain import plain
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import Record
from thinkmix.schemas.yaml_line import yaml_line
from thinkmix.templates.chat.families.known import FAMILIES

SCHEMA = "recipe.schema.json"
"""What the JSON schema of recipes is called beside them."""

_HELD_OUT = ("test", "valid", "eval", "dev")
_ABOUT = ("dataset_info", "dataset_infos", "config", "metadata")
_COLUMNS = 12
_OTHERS = 4
_LETTERS = f"{ascii_letters}{digits}._-"
_TRIED = 3
"""Settings for unread fields that are tried on the rows."""

_REMEDIES: Mapping[str, tuple[str, str]] = {
    Reason.THINK_UNOPENED: ("unopened_trace", "read"),
    Reason.ROLE_ORDER: ("turns", "join"),
}
"""Settings of a source that keep rows which are dropped for a reason without them."""


class _Asked(NamedTuple):
    """One source, before its rows were looked at."""

    source: Source
    """With `format: auto`."""
    remarks: Sequence[str]


class _Line(NamedTuple):
    """A setting of a source's stanza."""

    text: str
    why: str
    stated: bool
    """Whether it holds; else it is proposed in a comment."""


class Begun(Record):
    """One source of a recipe that was begun."""

    name: str
    kind: str
    files: tuple[str, ...]
    format: str
    """As the recipe states it."""
    rows: int
    exact: bool
    """Whether the rows were counted; else the number is an estimate."""
    fetched: int
    """Bytes that were fetched from a hub."""
    preview: Preview
    notes: tuple[str, ...]
    """What was seen, in sentences."""
    proposed: tuple[str, ...]
    """Settings that may be worth changing, as the recipe states them, each with its reason."""


class Started(Record):
    """A recipe that was begun."""

    recipe: str
    """Its file."""
    name: str
    sources: tuple[Begun, ...]


def start(asked: Sequence[str], output: Path | None = None, *, patience: Patience = PATIENT) -> Started:
    """Write a recipe over files, folders or sets on the Hugging Face Hub.

    Args:
        asked: files, folders, patterns or ids.
        output: where it goes; unset means this folder, under the sources' names.
        patience: how often the hub is asked again.

    Raises:
        RecipeError: if that file exists, or rows have no format that is known.
        SourceError: if there is no such file or set, or it cannot be read.
    """
    _refuse_existing(output)
    base = (output.parent if output else Path()).resolve()
    with TemporaryDirectory(prefix="thinkmix-") as folder:
        found = [*_sources(asked, base, Path(folder), patience)]
        names = _unique([one.source.name for one in found])
        sources = [
            one._replace(source=one.source.model_copy(update={"name": name}))
            for one, name in zip(found, names, strict=True)
        ]
        name = as_name("-".join(names))
        output = output or Path(f"{name}.yaml")
        _refuse_existing(output)
        stanzas = []
        for number, one in enumerate(sources):
            scratch = Path(folder, str(number))
            scratch.mkdir()
            stanzas.append(_stanza(one, base, scratch, patience))
    text = _recipe(name, [stanza for stanza, _ in stanzas], names, has_schema=(base / SCHEMA).is_file())
    parse(text, str(output))  # what is written down is a recipe
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        msg = f"{output}: cannot be written ({error.strerror}); give another --output"
        raise RecipeError(msg) from None
    return Started(recipe=str(output), name=name, sources=tuple(begun for _, begun in stanzas))


def _refuse_existing(output: Path | None) -> None:
    if output is not None and output.exists():
        msg = f"{output} exists and is not overwritten; give another --output, or move it away"
        raise RecipeError(msg)


def _sources(asked: Sequence[str], base: Path, scratch: Path, patience: Patience) -> Iterator[_Asked]:
    """Yield what is asked for as sources: shards of one set are one, whichever way they were named."""
    files: dict[str, Path] = {}
    for text in asked:
        found = _local_files(text)
        if not found and (listed := _listed(text, scratch, patience)):
            yield _largest_family(listed)
        else:
            found = found or _matching(text)
            files |= {_relative(path, base): path for path in found}
    for family in families(files):
        beside = {
            _relative(path, base)
            for path in files[family[0]].parent.iterdir()
            if path.is_file() and kind_of(path.name)
        }
        source = LocalSource(
            name=as_name(title(family)) or "rows", files=tuple(patterns(family, beside)), format=Auto()
        )
        yield _Asked(source, ())


def _local_files(text: str) -> list[Path]:
    """Return the files of the folder, or the file, that a word on the command line names, if it does.

    Raises:
        SourceError: if they cannot be read.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and kind_of(file.name)]
        found = [
            file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not found:
            msg = f"{text}: no file in this folder can be read; kinds that are read are {READABLE}"
            raise SourceNotFound(msg)
        return [file for file in found if file.stem not in _ABOUT] or found
    if path.is_file():
        if kind_of(path.name) is None:
            msg = f"{text}: not a kind of file that can be read, which are {READABLE}"
            raise SourceError(msg)
        return [path]
    return []


def _matching(text: str) -> list[Path]:
    """Return the files that a pattern means.

    Raises:
        SourceNotFound: if it means none.
    """
    stated = LocalSource(name="rows", files=(text,), format=Auto())
    return list(local.matches(stated, Path().resolve()).paths.values())


def _listed(text: str, scratch: Path, patience: Patience) -> Listed | None:
    """Return what a word names on another machine, asked of the kinds of sources in their order."""
    found = (kind.listed(text, into=scratch, patience=patience) for kind in KINDS)
    return next((one for one in found if one is not None), None)


def _relative(path: Path, base: Path) -> str:
    """Return a file as a recipe in folder `base` names it: by its whole path if it lies elsewhere."""
    whole = path.absolute()
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else whole.as_posix()


def _largest_family(listed: Listed) -> _Asked:
    """Return a source of the largest family of files for training that a set on another machine has."""
    sizes = {path: size for path, size in listed.sizes.items() if kind_of(path)}
    dataset = listed.title
    readable = [name for name in sizes if not name.startswith(".") and Path(name).stem not in _ABOUT]
    if not readable:
        none = f"none of its {len(listed.sizes):,} files can be read"
        msg = f"{dataset}: {none}; kinds that are read are {READABLE}"
        raise SourceError(msg)
    ranked = sorted(
        families(readable), key=lambda family: (_held_out(family[0]), -sum(sizes[one] for one in family))
    )
    chosen, *others = ranked
    fields: dict[str, object] = {"name": as_name(dataset.rpartition("/")[2]) or "rows"}
    if "files" in type(listed.source).model_fields:
        fields["files"] = tuple(patterns(chosen, list(listed.sizes)))
    source = listed.source.model_copy(update=fields)
    unread = [" ".join(patterns(family, sizes)[:1]) for family in others[:_OTHERS]]
    more = f" and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""
    remarks = [f"files of the set that are not read: {', '.join(unread)}{more}"] if others else []
    return _Asked(source, remarks)


def _held_out(name: str) -> bool:
    return any(word in name.casefold() for word in _HELD_OUT) and "train" not in name.casefold()


def _unique(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        fresh, number = name, 1
        while fresh in found:
            number += 1
            fresh = f"{name[:60]}-{number}"
        found.append(fresh)
    return found


def _stanza(asked: _Asked, base: Path, scratch: Path, patience: Patience) -> tuple[str, Begun]:
    """Return a source as the recipe states it, with comments, and what was seen of it."""
    source, sample = _sampled(_encoded(asked.source, base), base, scratch, patience)
    read, seen, why = _formatted(source, sample, scratch)
    lines = [*_settings(read, sample, seen, scratch)]
    if stated := dict(line.text.split(": ", 1) for line in lines if line.stated):
        read = read.model_copy(update=stated)
        seen = check_source(_only(read), read, sample, scratch)
    notes = [*_notes(sample, seen, why), *asked.remarks]
    begun = Begun(
        name=read.name,
        kind=read.kind,
        files=read.asked,
        format=short_statement(read.format.statement()),
        rows=sample.rows,
        exact=sample.exact,
        fetched=sample.fetched,
        preview=seen,
        notes=tuple(notes),
        proposed=tuple(f"{line.text}  # {line.why}" for line in lines if not line.stated),
    )
    return _yaml(read, notes, lines), begun


def _encoded(source: Source, base: Path) -> Source:
    """Return a source with the encoding that its first file seems to have, if it is not UTF-8."""
    there = source.matches(base)
    if there is None:
        return source
    name, path = next(iter(there.paths.items()))
    found = guess_encoding(name, path)
    return source.model_copy(update={"encoding": found}) if found not in (None, UNKNOWN) else source


def _sampled(source: Source, base: Path, scratch: Path, patience: Patience) -> tuple[Source, Sample]:
    """Return the first rows of a source, and the source with `rows` where they lie in an object."""

    def sampled(stated: Source) -> Sample:
        place = Place(base, scratch, patience=patience)
        return sampling.sample(stated, place, max_row_bytes=_only(stated).max_row_bytes, least=100)

    try:
        return source, sampled(source)
    except SourceError:
        rows_in = _rows_in(source, base)
        if rows_in is None:
            raise
    named_list = source.model_copy(update={"rows": rows_in})
    return named_list, sampled(named_list)


def _rows_in(source: Source, base: Path) -> str | None:
    """Return which list in the object of a file is the longest one of objects."""
    there = source.matches(base)
    if there is None:
        return None
    name, path = next(iter(there.paths.items()))
    if kind_of(name) != "json":
        return None
    with suppress(SourceError), opened(name, path) as stream:
        lists, _ = lists_in(stream)
        return max(lists, key=lambda key: lists[key]) if lists else None
    return None


def _formatted(source: Source, sample: Sample, scratch: Path) -> tuple[Source, Preview, str]:
    """Return the source with its format, what that makes of its rows, and why it is that one.

    Of several that fit equally well it is the one that keeps most rows.

    Raises:
        RecipeError: if no format is known to fit.
    """
    results = {taken.file: recognise(taken.file, taken.rows) for taken in sample.taken}
    of_file = {file: fitting_formats(source.name, file, result) for file, result in results.items()}
    of_file = {file: found for file, found in of_file.items() if found}
    formats = {
        format.statement(): format
        for found in of_file.values()
        for format in found
        if all(format in others for others in of_file.values())
    }
    if of_file and not formats:
        listed = ", ".join(
            f"{file} as `{short_statement(found[0].statement())}`" for file, found in of_file.items()
        )
        msg = f"source {source.name}: its files are laid out in several ways, {listed}; name them one by one"
        raise RecipeError(msg)
    if not formats:
        msg = f"source {source.name}: no row can be read to recognise its format"
        named_by = (recode(taken.file, taken.path, source.encoding) for taken in sample.taken)
        recoded = (words for words in named_by if words)
        broken = next(chain(recoded, _broken(sample)), "its files have no rows")
        raise RecipeError(f"{msg}: {broken}")
    tried = [source.model_copy(update={"format": format}) for format in formats.values()]
    seen = [check_source(_only(one), one, sample, scratch) for one in tried]
    best = max(range(len(tried)), key=lambda place: seen[place].kept)
    columns = columns_of([row.values for taken in sample.taken for row in taken.rows if row.fault is None])
    read = tried[best].format.columns()
    known = [plain(name) for name in columns if name in read][:_COLUMNS]
    why = f"format {short_statement(tried[best].format.statement())}, by the columns {', '.join(known)}"
    others = [f"`{short_statement(one.format.statement())}`" for one in tried if one is not tried[best]]
    if others:
        why += f"; {' and '.join(others)} fits as well and keeps no more of the rows"
    return tried[best], seen[best], why


def _broken(sample: Sample) -> Iterator[str]:
    for taken in sample.taken:
        for row in taken.rows:
            if row.fault is not None:
                yield f"{taken.file} row {row.number}: {row.fault.message()}"


def _only(source: Source) -> Recipe:
    """Return a recipe of one source."""
    return Recipe(name=source.name, sources=(source,), mix=MixPlan(shares={source.name: 1.0}))


def _notes(sample: Sample, seen: Preview, why: str) -> Iterator[str]:
    """Yield what was seen of a source, in sentences."""
    about = "" if sample.exact else "about "
    count = f"{len(sample.files):,} file{'s' if len(sample.files) > 1 else ''}"
    fetched = f"; {size(sample.fetched)} fetched to look at them" if sample.fetched else ""
    yield f"{count}, {size(sample.size)}, {about}{sample.rows:,} rows; {seen.read:,} looked at{fetched}"
    yield why
    yield f"{seen.kept:,} of {seen.read:,} rows are kept; examples: {spoken(seen)}"
    if not seen.examples:
        yield "NO ROW BECOMES AN EXAMPLE: a build would end with that"
    for drop in seen.dropped:
        what = count_of(drop.count, "row" if drop.stage == "validate" else "example")
        yield f"dropped: {what} as {drop.reason}, the first {drop.file} row {drop.row}: {drop.detail}"
    for field in seen.unread:
        kind = looks_like(field.path)
        like = f", which looks like {kind}" if kind else ""
        yield f"nobody reads {field.path} ({field.count:,} values{like}), for example {field.example}"
    for word, times in seen.found.items():
        yield f"found: {times:,} {Finding(word).sentence}"


def _settings(source: Source, sample: Sample, seen: Preview, scratch: Path) -> Iterator[_Line]:
    """Yield settings that the rows ask for, and those that may be worth changing."""
    if seen.examples and seen.thinking == seen.examples and seen.rendered == seen.kept:
        yield _Line("thinking: required", "every example thinks", True)
    elif 2 * seen.thinking > seen.examples:
        required = source.model_copy(update={"thinking": "required"})
        lost = seen.kept - check_source(_only(source), required, sample, scratch, render=False).kept
        yield _Line("thinking: required", f"drops the {lost:,} rows of {seen.kept:,} without a trace", False)
    elif seen.thinking:
        yield _Line(
            "thinking: forbidden", f"drops rows with a trace; {seen.thinking:,} examples have one", False
        )
    for drop in seen.dropped:
        if drop.reason in _REMEDIES:
            name, value = _REMEDIES[drop.reason]
            changed = source.model_copy(update={name: value})
            tried = check_source(_only(source), changed, sample, scratch, render=False)
            if tried.kept > seen.kept:
                gain = f"keeps {tried.kept:,} rows instead of {seen.kept:,}"
                yield _Line(f"{name}: {value}", gain, not seen.kept)
    for field in [one for one in seen.unread if one.looks_like and one.setting][:_TRIED]:
        format = parse_format(yaml.safe_load(field.setting or "")["format"])
        changed = source.model_copy(update={"format": format})
        thinks = field.looks_like == "reasoning"
        tried = check_source(_only(source), changed, sample, scratch, render=thinks)
        if field.path not in {one.path for one in tried.unread}:  # a column may be read in some rows only
            effect = f"keeps {tried.kept:,} rows instead of {seen.kept:,}"
            if thinks:
                effect += f", and {tried.thinking:,} of {tried.examples:,} examples think"
            why = f"reads {field.path}, which looks like {field.looks_like}: {effect}; instead of the above"
            yield _Line(field.setting or "", why, False)
    if seen.repeated:
        why = f"{seen.repeated:,} of {seen.kept:,} rows ask what an earlier one asks, and one of them stays"
        yield _Line("max_solutions_per_problem: 4", why, False)


def _yaml(source: Source, notes: Sequence[str], lines: Sequence[_Line]) -> str:
    """Return the stanza of a source."""
    out = [f"  # {plain(note)}" for note in notes]
    out += [f"  - name: {_word(source.name)}", f"    kind: {source.kind}"]
    out += [f"    {name}: {_scalar(value)}" for name, value in source.own().items()]
    if source.rows is not None:
        out.append(f"    rows: {yaml_line(source.rows)}")
    if source.encoding is not None:
        out.append(f"    encoding: {source.encoding}  # what the first file seems to be in")
    out.append(f"    format: {short_statement(source.format.statement())}")
    for line in lines:
        text = f"{line.text}  # {plain(line.why)}"
        out.append(f"    {text}" if line.stated else f"    # {text}")
    return "\n".join(out)


def _scalar(value: object) -> str:
    """Return a value as YAML; an id of a hub stands without quotes."""
    if isinstance(value, str) and "/" in value and all(map(_is_part, value.split("/"))):
        return value
    return yaml_line(value)


def _is_part(text: str) -> bool:
    return text[:1].isalpha() and text.isascii() and not text.strip(_LETTERS)


def _recipe(name: str, stanzas: Sequence[str], names: Sequence[str], *, has_schema: bool) -> str:
    """Return the recipe as YAML."""
    shares = ", ".join(f"{_word(source)}: 1" for source in names)
    parts = "  # whole numbers are a ratio: equal parts here" if len(names) > 1 else ""
    modeline = f"# yaml-language-server: $schema={SCHEMA}"
    advice = f"# An editor completes and checks this after `thinkmix schema recipe > {SCHEMA}`, with the line"
    others = [family for family in FAMILIES if family != "qwen3"]
    head = [
        *([modeline] if has_schema else [advice, f"#   {modeline}"]),
        "# Written by thinkmix init from the first rows of each source. `thinkmix check` says what a build",
        "# makes of it, `thinkmix build` builds it; settings after a # are proposals (docs/recipes.md).",
        f"name: {_word(name)}",
        f"template: qwen3  # hybrid: thinks and answers directly; or {', '.join(others)}",
        "sources:",
    ]
    mix = ["mix:", f"  shares: {{{shares}}}{parts}"]
    return "\n".join([*head, *stanzas, *mix]) + "\n"


def _word(name: str) -> str:
    """Return a name as YAML: in quotes where it would be read as something else, `2024` or `on`."""
    letters = name.replace("-", "a")
    return name if yaml_line(letters) == letters else yaml_line(name)
