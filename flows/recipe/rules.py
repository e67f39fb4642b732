"""docs/rules.md: every rule with its sentence, its default and its settings, out of the classes."""

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from thinkmix.curation.rules import known
from thinkmix.curation.rules.contract import Action, Rule
from thinkmix.schemas.record import Record, descriptions, json_text

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
    rules: {repetition: {action: drop, above: 0.2}}
```

`select` chooses the rows of a source by their flags: `with` keeps those that have one of the flags that it
names, `without` those that have none. It is applied with the rules, before duplicates are looked for, so that
no row is dropped in favour of one that is left out. The first rule that drops a row is its reason.

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


class RuleList(Record):
    """All rules, in the order in which they judge."""

    rules: tuple[Described, ...]


def listed() -> RuleList:
    """Return all rules with their settings."""
    return RuleList(rules=tuple(map(_described, known.RULES)))


def page() -> str:
    """Return the page in markdown."""
    return "\n".join([_HEAD, "", *_table(), *(line for kind in known.RULES for line in _part(kind))]) + "\n"


def _described(kind: type[Rule]) -> Described:
    told = descriptions(kind)
    settings = (
        Setting(name=name, default=field.default, meaning=" ".join(told[name].split()))
        for name, field in kind.model_fields.items()
        if name != "action"
    )
    return Described(
        name=kind.name,
        sentence=kind.sentence,
        default=kind.default,
        needs=kind.needs,
        settings=tuple(settings),
    )


def _table() -> Iterator[str]:
    yield "| rule | what it finds | in rows that have | default |"
    yield "|---|---|---|---|"
    for rule in listed().rules:
        told = f"{_cell(rule.sentence)} | {_cell(rule.needs or 'anything')}"
        yield f"| `{rule.name}` | {told} | `{rule.default}` |"


def _part(kind: type[Rule]) -> Iterator[str]:
    yield from ("", f"## {kind.name}", "", cleandoc(kind.__doc__ or ""))
    settings = _described(kind).settings
    if settings:
        yield from ("", "| setting | default | meaning |", "|---|---|---|")
    for setting in settings:
        yield f"| `{setting.name}` | `{json_text(setting.default)}` | {_cell(setting.meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
