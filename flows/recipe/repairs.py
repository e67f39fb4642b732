"""docs/repairs.md: every repair with its sentence and what it edits, out of the repairs themselves."""

from collections.abc import Iterator
from inspect import cleandoc

from thinkmix.curation.repairs.contract import Repair
from thinkmix.curation.repairs.known import REPAIRS
from thinkmix.schemas.record import Record

_HEAD = """\
# Repairs

A damaged row is dropped with its reason, or trained as it is. Where the damage has one cause and one remedy,
a source may ask for its repair instead:

```yaml
sources:
  - name: math
    repair: all                       # or names: [foreign_markers, cut_trace]
```

Nothing is repaired unless a source says so. Repairs are made while rows are read, before they are validated,
in the order of this page, and change neither numbers nor code nor formulas. Each row that was repaired has
the name of the repair in its column `flags`, and in `checks` how many places it changed and the first of
them; report and manifest count such rows per source, and `thinkmix show --flag NAME --in VERSION` lists them.
Source files stay as they are: `thinkmix explain ID` shows each edit before and after, and the row as it was.

What rules, duplicates and evaluations are looked for in is the repaired text. A row whose damage is not sure
to be what it seems is left as it is.

`python -m benchmarks.repairs` plants damage in real answers: of 400 rows each, 400 with foreign markers, 394
with a cut trace, 389 with entities, 400 with a next speaker and 400 with characters without width have the
trace and the answer that they had before. In 23,332 answers of public sets as they are, repairs edit 690: in
686 the markers of the trace had become words, and 4 say nothing but one character without width, so that they
are dropped as `empty_turn`. An engineer of the project looked at all of these edits, and found none wrong.

This page is printed by `thinkmix repairs`.
"""


class Described(Record):
    """What a repair says of itself."""

    name: str
    sentence: str
    """What was wrong with a row that it repaired."""
    edits: str
    """What it changes and what it leaves alone, in markdown."""
    kinds: tuple[str, ...]
    """Whose texts it repairs: roles, and `trace` for a trace in a column of its own."""


class RepairList(Record):
    """All repairs, in the order in which they are made."""

    repairs: tuple[Described, ...]


def listed() -> RepairList:
    """Return all repairs."""
    return RepairList(repairs=tuple(map(_described, REPAIRS)))


def page() -> str:
    """Return the page in markdown."""
    return "\n".join([_HEAD, *_table(), *(line for one in listed().repairs for line in _part(one))]) + "\n"


def _described(repair: Repair) -> Described:
    return Described(
        name=repair.name,
        sentence=repair.sentence,
        edits=cleandoc(repair.edits.__doc__ or ""),
        kinds=tuple(sorted(repair.kinds)),
    )


def _table() -> Iterator[str]:
    yield "| repair | what was wrong | in texts of |"
    yield "|---|---|---|"
    for one in listed().repairs:
        yield f"| `{one.name}` | {one.sentence} | {', '.join(one.kinds)} |"


def _part(one: Described) -> Iterator[str]:
    yield from ("", f"## {one.name}", "", one.edits)
