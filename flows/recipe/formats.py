"""docs/formats.md: every row format with its settings and its public sets, out of the classes."""

from collections.abc import Iterator, Sequence
from inspect import cleandoc

from pydantic.fields import FieldInfo

from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.formats.recognition import FORMATS, REFUSED
from thinkmix.schemas.record import descriptions, json_text

_HEAD = """\
# Row formats

How the rows of a source are laid out: `format` in its stanza of the recipe ([recipes.md](recipes.md)). A
format's name is enough where columns have their usual names, `format: messages`; settings go beside it:
`format: {type: qa, question: query, answer: response}`.

This page is printed by `thinkmix formats`.

## Public sets

Each set is read as it is published, by the format that it stands beside; settings are in brackets.

Of 46 rows made by hand in the layouts without tools, 43 have the roles, texts and traces that convmerge 1.6.5
reads in them (`python -m benchmarks.layouts`). It leaves answers in their tag, takes `solution` for the
answer of s1K, and keeps an answer whose prompt is withheld."""

_AUTO = """\
## `format: auto`

The layout is recognised from the first 100 rows of every file of the source, before any row is read. What was
recognised is printed by the build, stands in the manifest and in `report.json` (`sources`, `format`), and on
the report's page:

```text
recognised chat: format: {type: sharegpt, answer_tag: answer}
```

Write the part from `format:` on into the recipe to pin it.

* A format fits if more than half of the rows are laid out in its way. A layout that few sets have goes before
  a list of turns, and a list of turns before columns of text, which many sets keep beside their turns. Of two
  of one rank the one that reads or knows more of the columns wins.
* Two that fit equally well end the build in a sentence with both, a layout that is not known in one with the
  columns, and files of one source that are laid out in two ways in one with both files.
* A row further down that is laid out otherwise is dropped, with its reason; nothing is guessed again.
* If another run recognises something else than the last good version has, the gate `layout` blocks the new
  version ([gates.md](gates.md)). Where the recipe states the format, a person changed it, and it only warns.

These rows are refused under `auto`, whatever format they might fit:"""

_SETTINGS = """\
## Settings

`required` has no default; `unset` means what the sentence says."""


def page() -> str:
    """Return the page in markdown."""
    parts = [_HEAD, _sets(FORMATS), _AUTO, _refused(), _SETTINGS, *map(_settings, FORMATS)]
    return "\n\n".join(parts) + "\n"


def _sets(formats: Sequence[type[Format]]) -> str:
    lines = ["| format | rows | sets |", "|---|---|---|"]
    for kind in formats:
        first = _words(cleandoc(kind.__doc__ or "").partition("\n\n")[0])
        sets = ", ".join(
            f"{name} ({kind.remarks[name]})" if name in kind.remarks else name for name in kind.sets
        )
        lines.append(f"| [`{_name(kind)}`](#{_name(kind)}) | {_cell(first)} | {_cell(sets)} |")
    return "\n".join(lines)


def _refused() -> str:
    lines = ["| rows | sets, for example |", "|---|---|"]
    return "\n".join([*lines, *(f"| {words} | {', '.join(sets)} |" for words, sets in REFUSED.items())])


def _settings(kind: type[Format]) -> str:
    said = descriptions(kind)
    rows = "\n".join(
        f"| `{name}` | {_default(field)} | {_cell(_words(said.get(name, '')))} |"
        for name, field in _ordered(kind)
    )
    words = "\n\n".join(map(_words, cleandoc(kind.__doc__ or "").split("\n\n")))
    table = f"| setting | default | meaning |\n|---|---|---|\n{rows}" if rows else "It has no settings."
    return f"### {_name(kind)}\n\n{words}\n\n{table}"


def _ordered(kind: type[Format]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the settings of a format, its own before those that it shares with others."""
    own = [name for name in kind.__annotations__ if name in kind.model_fields]
    for name in dict.fromkeys([*own, *kind.model_fields]):
        if name != "type":
            yield name, kind.model_fields[name]


def _name(kind: type[Format]) -> str:
    return str(kind.model_fields["type"].default)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "unset" if field.default is None else f"`{_plain(field.default)}`"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)


def _words(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    """Return text that stands in one cell of a table."""
    return text.replace("|", "\\|")
