"""What a rule is: settings, the sentence that people read, and a judgement of turns with its evidence.

A rule that finds something in a row drops it or flags it, as its action says. A dropped row has the rule's
name as its reason and the evidence as its detail. A flagged row stays, and its columns `flags` and `checks`
(`tables.FLAGS`) go with it into keys, outcomes and the published files.

A stage after validation may flag rows, too: it writes the columns `flags` and `checks` into its verdicts
(`tables.VERDICT_SCHEMA`, a row for each key row), or, as decontamination does, a line for each row that it
flags. The flags of an outcome are the union of those of all stages, in the order of the stages;
`publish.outcomes.assign_outcomes` joins them, and counts them for the report. The name of its flag is a
reason or a rule, so that it has a sentence, and `Recipe.flagged` says when it may flag.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import BeforeValidator, Field

from thinkmix.curation.rules.precision import Reviewed
from thinkmix.curation.rules.selection import Select
from thinkmix.schemas.plain import plain
from thinkmix.schemas.record import Record

if TYPE_CHECKING:  # it brings numpy, and recipes are read by commands that judge nothing
    from thinkmix.curation.rules.turns import Part, TurnTable
    from thinkmix.schemas.formats.contract import Format


def _off(stated: object) -> object:
    return "off" if stated is False else stated  # YAML takes the word for a truth value


Action = Annotated[Literal["drop", "flag", "off"], BeforeValidator(_off)]
"""What becomes of a row in which a rule finds something; `off` does not look."""

ACTIONS = ("drop", "flag", "off")

SHOWN = 160
"""Most characters of evidence that are kept."""


class Evidence(NamedTuple):
    """What a rule found in a row, and where, if it stands in one place: then all fields are set."""

    text: str
    """What stands there, or what is wrong, in words."""
    message: int | None = None
    """Which message of the row, counted from 0."""
    part: "Part | None" = None
    """Which text of it."""
    start: int | None = None
    """Character of that text at which it begins, counted from 0."""
    end: int | None = None
    """Character before which it ends."""

    @classmethod
    def at(cls, turns: "TurnTable", turn: int, part: "Part", start: int, end: int) -> "Evidence":
        """Return a stretch of a text of a turn as evidence; `start` and `end` are bytes of that text."""
        text = turns.text(turn, part)
        begin, found = len(text[:start].decode()), text[start:end].decode()
        message = turn - int(turns.first[turns.first.searchsorted(turn, side="right") - 1])
        return cls(plain(found, SHOWN), message, part, begin, begin + len(found))


class Verdict(NamedTuple):
    """One row in which a rule found something."""

    row: int
    """Its place in the table of turns."""
    value: float
    """How much of it: a share, a count or another measure, as the rule's docstring says."""
    evidence: Evidence


class Rule(Record):
    """One rule on valid rows. Its fields are its settings, and what a recipe may state under its name.

    To add one, write its class in a file of this folder, and add it to `RULES` in `known.py`. The rule
    depends on the turns alone: equal turns have equal verdicts, in whichever batch they come. It imports
    numpy, polars and kernels inside of `judge`: every command that reads a recipe imports all rules.
    """

    name: ClassVar[str]
    """What recipes call it; the reason of the rows that it drops, and their flag."""
    sentence: ClassVar[str]
    """What is wrong with a row that it finds, as people read it."""
    default: ClassVar[Action] = "off"
    """Its action on rows of a format that it fits, where a recipe does not name it."""
    needs: ClassVar[str] = ""
    """What rows must have for the rule to judge them, in words; empty if it judges all rows."""

    checks_answers: ClassVar[bool] = False
    """Whether it compares answers, see `statuses`."""

    action: Action = "off"
    """What becomes of a row that it finds: left out (`drop`), kept with a flag (`flag`), or not looked for
    (`off`)."""
    reviewed: Reviewed | None = Field(default=None, title="Reviewed")
    """What a review of your own rows found; with it, a rule that is not proven otherwise may drop rows."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows in which it finds something, in their order, each once.

        Args:
            turns: of rows that are valid; work on its columns, because it holds hundreds of rows at a time.
        """
        raise NotImplementedError

    def statuses(self, turns: "TurnTable") -> Sequence[int]:
        """Return what the answer of each row is, of a rule that compares answers: a place in `STATUSES`."""
        raise NotImplementedError

    @classmethod
    def fits(cls, rows: "Format") -> bool:
        """Return whether rows of a format have what the rule needs; it judges no others."""
        return True

    def action_on(self, rows: "Format") -> Action:
        """Return what becomes of rows of a format in which it finds something."""
        if not self.fits(rows):
            return "off"
        return self.action if "action" in self.model_fields_set else self.default


class Applied(Protocol):
    """A rule that is on for a source, built in or out of a user's file."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def action(self) -> Action:
        """What becomes of a row that it finds."""

    @property
    def checks_answers(self) -> bool:
        """Whether it compares answers, see `statuses`."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows in which it finds something, in their order, each once."""

    def statuses(self, turns: "TurnTable") -> Sequence[int]:
        """Return what the answer of each row is, a place in `answers.statuses.STATUSES`."""


class Density(Protocol):
    """What measures how often the traces of rows branch."""

    def densities(self, turns: "TurnTable") -> Sequence[float]:
        """Return the branches of each row on 1,000 words of its traces."""


class Judging(NamedTuple):
    """Which rules are on for a source, in their order, and which of its rows stay."""

    rules: tuple[Applied, ...] = ()
    select: Select = Select()
    density: "Density | None" = None
    """Measures how often traces branch, if a cap chooses solutions by it (`tables.BRANCHED`)."""

    @property
    def looks(self) -> bool:
        """Whether turns are looked at."""
        return bool(self.rules) or self.density is not None or self.select.asks

    @property
    def checks_answers(self) -> bool:
        """Whether answers are compared with those that the source names."""
        return any(rule.checks_answers for rule in self.rules)


def detail_of(verdict: Verdict) -> str:
    """Return a verdict in words, as the detail of a dropped row and as `explain` prints it."""
    return said(verdict.value, verdict.evidence._asdict())


def said(value: float, evidence: Mapping[str, Any]) -> str:
    """Return a check of a row in words; `evidence` has the fields of `Evidence`."""
    where = ""
    if evidence["message"] is not None:
        where = f"messages[{evidence['message']}].{evidence['part']}, "
        where += f"characters {evidence['start']} to {evidence['end']}: "
    return f"{value:.4g}: {where}{evidence['text']}"
