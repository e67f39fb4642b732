"""docs/rules.md: every rule with its sentence, its settings and what was measured of it."""

from collections.abc import Iterator, Sequence
from inspect import cleandoc
from typing import Any

from thinkmix.curation.rules import known
from thinkmix.curation.rules.contract import Action, Rule
from thinkmix.curation.rules.precision import may_drop, percent
from thinkmix.curation.rules.proven import Proven, records
from thinkmix.schemas.record import Record, descriptions, json_text
from thinkmix.schemas.review import Rate

_HEAD = """\
# Rules

A rule looks at the turns of each valid row and says what is wrong with it, with evidence. Its action says
what becomes of the row:

* `drop`: it is left out. Its reason is the rule's name, and its detail the evidence; ledger, report,
  `thinkmix explain` and `thinkmix rejects VERSION --rule NAME` show it.
* `flag`: it stays. Its outcome and its examples in the published files have the rule in their column
  `flags`, and in `checks` for each flag `rule`, `value`, and `evidence`: `text`, and where it stands
  (`message`, `part`, and the characters from `start` to before `end`; null where it is not in one place).
  `thinkmix show --flag NAME --in VERSION` lists such rows; report and manifest count them per source.
* `off`: the rule is not applied.

A rule that the recipe names is applied to the sources whose format has what the rule needs; a source that
names one that does not fit its rows is refused, and so is a rule that fits no source.

Both columns are in all outcomes and published files if a rule is on for one of the sources, and in none
otherwise.

```yaml
rules:
  repetition: flag                              # its action alone
sources:
  - name: chat
    rules: {repetition: {above: 0.5}}           # of this source, setting by setting
    select: {without: [repetition]}             # leave out what is flagged (`not_selected`)
  - name: math
    rules: {repetition: off}
```

`select` chooses the rows of a source by their flags: `with` keeps those that have one of the flags that it
names, `without` those that have none. It is applied with the rules, before duplicates are looked for, so that
no row is dropped in favour of one that is left out. The first rule that drops a row is its reason.

## A rule of your own

A rule file is Python that defines one class. A recipe names it in `rules` by its path, which starts from the
recipe's folder and ends with `.py`:

```python
from thinkmix.curation.rules.contract import Evidence, Rule, Verdict


class Shouting(Rule):
    \"""How many letters stand in a turn that is written in capitals alone.\"""

    name = "shouting"  # its flag, and the reason of rows that it drops
    sentence = "a turn is written in capitals alone"  # what reports say of such a row
    least: int = 5  # a setting

    def judge(self, turns):
        texts = enumerate(turns.column("content"))
        loud = {int(turns.row[turn]): (turn, text) for turn, text in texts if (text or "").isupper()}
        return [
            Verdict(row, float(len(text)), Evidence.at(turns, turn, "content", 0, len(text.encode())))
            for row, (turn, text) in loud.items()
            if len(text) >= self.least
        ]
```

```yaml
rules:
  rules/shouting.py: {action: flag, least: 20}
```

`turns` holds some hundred valid rows (`TurnTable` in `curation/rules/turns.py`): `turns.row` is the row of
each turn, `turns.column("content")` and `turns.column("reasoning")` are their texts,
`turns.said_by("assistant")` tells whose they are, and `turns.answers`, `turns.calls` and `turns.tools` hold
the expected answers and the tools. `judge` returns one `Verdict(row, value, evidence)` for each row in which
it finds something. Equal rows must have equal verdicts, in whichever batch they come. `thinkmix rules --file
shouting.py` prints what the program sees of it, and `thinkmix check RECIPE` what it would find.

* **It is code**, and runs with your rights as soon as the recipe is read, by `check`, `build` or
  `serve`. Read the rule files of a recipe that somebody sent you before you name it to a command. `check` and
  `build` say which ones they run. Reports, `explain` and all that reads a finished version run none. A recipe
  without its rule files is refused; a path outside the recipe's folder needs `..`, and an absolute one is
  refused.
* Its sha256 is in the manifest, its text in the key of what it decides: an edit judges the rows again. A
  build refuses a file that changed after the recipe was read. Only the file counts: what else it imports may
  change without notice, so let it import nothing but Thinkmix, polars, numpy and Python's own modules.
* A rule that raises an exception, returns anything but verdicts on its rows, or judges one batch of them for
  five minutes, ends the build with a sentence that names the line, the row and its file: no row is lost or
  kept unseen by it.
* It needs a name that no other rule or reason has. It judges rows of all formats; name it in the `rules` of
  one source to let it judge that source alone.
* It is not measured, so it flags at most until you state what a review of its hits found (below).

## How good a rule is

The second table below says of each rule what was measured on the rows of the reference material (`../shared`
beside a checkout): in how many of the rows it finds something, how many of these hits are right, in how many
clean rows into which damage was planted it finds it, and how much text a core judges in a second. Precision
comes from hits that were read, 50 of them or all: one is right if what it marks is a defect of the row, as a
refrain is not, and a model that cannot stop is. It and recall have Wilson's 95 % interval. The figures are
those of the default settings, and of those rows.

A rule with less than 90 % precision, with a lower limit of 50 % or less, or without a measurement flags at
most: a recipe that says `drop` is refused, with the figure. Rows can be left out all the same, in one of two
ways that the recipe and so the manifest show:

```yaml
rules:
  repetition: flag
  html_entities: {action: drop, reviewed: {read: 60, right: 58}}   # what a review of your own rows found
sources:
  - name: chat
    select: {without: [repetition]}             # a choice of yours, whatever the rule's precision
```

`reviewed` is taken at your word. It decides whether the recipe is read, and no byte of an output.

This page is printed by `thinkmix rules`."""


class Setting(Record):
    """One setting of a rule."""

    name: str
    default: Any
    meaning: str


class Described(Record):
    """What a rule says of itself."""

    name: str
    sentence: str
    """What is wrong with a row that it finds."""
    default: Action
    """Its action where a recipe does not name it."""
    needs: str
    """What rows must have for the rule to judge them; empty if it judges all rows."""
    settings: tuple[Setting, ...]
    measured: Proven | None = None
    """What was measured of it on the reference material; unset if nothing was."""
    precision: Rate | None = None
    """Of its hits there, the share that is right; unset where too few were read."""
    recall: Rate | None = None
    """Of the planted rows there, the share that it finds; unset where nothing was planted."""
    may_drop: bool = False
    """Whether a recipe may drop rows by it as it comes."""


class RuleList(Record):
    """All rules, in the order in which they judge."""

    rules: tuple[Described, ...]


def listed(kinds: Sequence[type[Rule]] | None = None) -> RuleList:
    """Return rules with their settings, all that are built in unless some are given."""
    return RuleList(rules=tuple(map(_described, known.RULES if kinds is None else kinds)))


def part(kind: type[Rule]) -> str:
    """Return what the page says of one rule, in markdown."""
    sentence = f"What it says of a row that it finds: {_described(kind).sentence}."
    return "\n".join([*list(_part(kind))[1:], "", sentence]) + "\n"


def page() -> str:
    """Return the page in markdown."""
    return "\n".join([_HEAD, "", *_table(), *(line for kind in known.RULES for line in _part(kind))]) + "\n"


def _described(kind: type[Rule]) -> Described:
    told = descriptions(kind)
    settings = (
        Setting(name=name, default=field.default, meaning=" ".join(told[name].split()))
        for name, field in kind.model_fields.items()
        if name not in Rule.model_fields
    )
    record = records().get(kind.name)
    precision = record.precision if record else None
    return Described(
        name=kind.name,
        sentence=kind.sentence,
        default=kind.default,
        needs=kind.needs,
        settings=tuple(settings),
        measured=record,
        precision=precision,
        recall=record.recall if record else None,
        may_drop=may_drop(precision),
    )


def _table() -> Iterator[str]:
    yield "| rule | what it finds | in rows that have | default | it may |"
    yield "|---|---|---|---|---|"
    for rule in listed().rules:
        told = f"{_cell(rule.sentence)} | {_cell(rule.needs or 'anything')}"
        yield f"| `{rule.name}` | {told} | `{rule.default}` | {'drop' if rule.may_drop else 'flag'} |"
    yield from ("", "| rule | rows hit | precision | recall | MB/s |", "|---|---|---|---|---|")
    for rule in listed().rules:
        yield f"| `{rule.name}` | {' | '.join(_figures(rule))} |"


def _figures(rule: Described) -> Iterator[str]:
    """Yield what was measured of a rule: rows hit, precision, recall and speed."""
    if (found := rule.measured) is None:
        yield from ["not measured"] * 4
        return
    yield f"{found.hits:,} of {found.judged:,}"
    if rule.precision:
        yield f"{percent(rule.precision)}, {found.right} of {found.read} hits read"
    else:
        yield "not measured"
    yield f"{percent(rule.recall)}, {found.found:,} of {found.planted:,}" if rule.recall else "not measured"
    yield f"{found.megabytes_per_second:,.0f}"


def _part(kind: type[Rule]) -> Iterator[str]:
    yield from ("", f"## {kind.name}", "", cleandoc(kind.__doc__ or ""))
    described = _described(kind)
    if described.settings:
        yield from ("", "| setting | default | meaning |", "|---|---|---|")
    for setting in described.settings:
        yield f"| `{setting.name}` | `{json_text(setting.default)}` | {_cell(setting.meaning)} |"
    if described.measured and described.measured.misses:
        yield from ("", "Known misses:", "", *(f"* {miss}" for miss in described.measured.misses))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
