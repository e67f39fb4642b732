"""A recipe: the settings of all stages together, and what must fit between them."""

from collections.abc import Mapping, Sequence

from pydantic import Field, ValidationInfo, field_validator

from thinkmix.curation.decontaminate.settings import Decontamination
from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.curation.gates.known import Gates
from thinkmix.curation.repairs.known import REPAIRS
from thinkmix.curation.rules.branching import Branching
from thinkmix.curation.rules.contract import Judging
from thinkmix.curation.rules.known import RULES, Rules, in_force, known_reasons, merged, own_of
from thinkmix.curation.rules.own import AnyRule, OwnRule
from thinkmix.curation.rules.proven import refuse_drop
from thinkmix.curation.rules.selection import Select
from thinkmix.curation.sample.settings import MixPlan
from thinkmix.curation.validate.settings import LIMITS, Limits
from thinkmix.curation.validate.source import SourceBase
from thinkmix.flows.recipe.benchmark_pack import with_pack
from thinkmix.flows.sources.known import AnySource
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.patterns import Line, Name, refuse_twice
from thinkmix.schemas.record import Record
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.families.known import Template, family_of


class Recipe(Record):
    """One complete statement of a mixture: same recipe, same sources, same bytes."""

    name: Name
    """Folder of the mixture in the store."""
    title: Line = ""
    """One line for report and dataset card."""
    rules: Rules = Field(default_factory=dict)
    """What is done with rows in which a rule finds something: `{repetition: drop}`; see docs/rules.md."""
    sources: tuple[AnySource, ...] = Field(min_length=1, max_length=256)
    """Where rows come from; each needs a share of the mixture."""
    mix: MixPlan
    """How the mixture is composed."""
    dedup: DedupPlan = DedupPlan()
    """How near-duplicates are found."""
    decontaminate: Decontamination = Decontamination()
    """Which evaluations must not be in the mixture."""
    template: Template = "qwen3"
    """Chat template of the model that will be trained."""
    max_tokens: int = Field(default=16384, ge=16, le=1_048_576)
    """Longest example, prompt and completion together; longer ones are left out, never cut."""
    max_row_bytes: int = Field(default=1_000_000, ge=1_000, le=64_000_000)
    """Largest row, in bytes of text."""
    max_turns: int = Field(default=LIMITS.turns, ge=2, le=1_000_000)
    """Most turns of a row; a row with more is left out whole."""
    max_prompt_bytes: int = Field(default=LIMITS.prompt_bytes, ge=1_000, le=10**12)
    """Most text in the prompts of all examples of a row, in bytes; a row with more is left out whole.

    Each prompt shows what was said before: a chat of n turns has about n/4 times its text in prompts.
    """
    seed: int = Field(default=20250428, ge=0, lt=2**63)
    """Decides which examples are sampled and their order."""
    gates: Gates = Gates()
    """Limits on changes from one build to the next, and what happens beyond them."""

    @field_validator("decontaminate")
    @classmethod
    def _pack_is_listed(cls, plan: Decontamination) -> Decontamination:
        return with_pack(plan)

    @field_validator("sources")
    @classmethod
    def _names_are_unique(cls, sources: tuple[AnySource, ...]) -> tuple[AnySource, ...]:
        refuse_twice("source", [source.name for source in sources])
        return sources

    @field_validator("sources")
    @classmethod
    def _sources_have_all_rules(
        cls, sources: tuple[AnySource, ...], info: ValidationInfo
    ) -> tuple[AnySource, ...]:
        """Put what a source says of rules together with what the recipe says of them."""
        if "rules" not in info.data:  # wrong themselves
            return sources
        whole = [
            source.model_copy(update={"rules": merged(info.data["rules"], source.rules)})
            if source.rules
            else source
            for source in sources
        ]
        _check_names([info.data["rules"], *(source.rules for source in whole)])
        for source, stated in zip(whole, sources, strict=True):
            _check_rules(source, {**info.data["rules"], **source.rules}, stated.rules)
        _check_fit(whole, info.data["rules"])
        return tuple(whole)

    @field_validator("mix")
    @classmethod
    def _shares_match_sources(cls, mix: MixPlan, info: ValidationInfo) -> MixPlan:
        if "sources" not in info.data:  # wrong themselves
            return mix
        names = {source.name for source in info.data["sources"]}
        shared = mix.exact_shares()
        if unknown := sorted(set(shared) - names):
            known = ", ".join(sorted(names))
            msg = f"shares name unknown sources: {', '.join(unknown)}; the sources are {known}"
            raise ValueError(msg)
        if missing := sorted(names - set(shared)):
            msg = f"sources without a share: {', '.join(missing)}; add them to `shares`, or to `replay`"
            raise ValueError(msg)
        return mix

    @property
    def family(self) -> Family:
        """Return the model family that the mixture is for."""
        return family_of(self.template)

    def judging(self, source: SourceBase) -> Judging:
        """Return the rules that are on for a source, and which of its rows stay by their flags."""
        select = Select.of(source.select)
        on = in_force({**self.rules, **source.rules}, source.format)
        return Judging(on, select, density=Branching() if source.cap_by == "branching" else None)

    def tried(self, source: SourceBase) -> list[AnyRule]:
        """Return all rules that fit rows of a source, those that are off, too, as they are stated for it."""
        stated = {**self.rules, **source.rules}
        every = [*(stated.get(kind.name) or kind() for kind in RULES), *own_of(stated)]
        return [
            rule.model_copy(update={"action": rule.action_on(source.format)})
            for rule in every
            if rule.fits(source.format)
        ]

    def refused_drops(self) -> list[str]:
        """Return why rules may not drop rows of sources, a sentence each; see `curation/rules/proven.py`.

        Recipes of versions that an earlier release made are read all the same, so this is asked where a
        recipe's file is read and where a build begins.
        """
        return [
            f"{source.name}: {why}"
            for source in self.sources
            for name, rule in {**self.rules, **source.rules}.items()
            if rule.action_on(source.format) == "drop" and (why := _refuse_drop(name, rule))
        ]

    @property
    def flagged(self) -> bool:
        """Return whether rows may have flags: rules, repairs or a search for questions give them."""
        scan = self.decontaminate
        near = bool(scan.benchmarks) and scan.near == "flag"
        return near or any(source.repair or self.judging(source).rules for source in self.sources)

    @property
    def own_rules(self) -> dict[str, OwnRule]:
        """Return the rules of users' files, one of each file, by its path."""
        stated = [self.rules, *(source.rules for source in self.sources)]
        return {rule.file.path: rule for rules in stated for rule in own_of(rules)}

    @property
    def limits(self) -> Limits:
        """Return what work one row may cost."""
        return Limits(self.max_turns, self.max_prompt_bytes)

    def reads_unopened(self, source: SourceBase) -> bool:
        """Return whether `</think>` without `<think>` closes a trace of the source, see `unopened_trace`."""
        if source.unopened_trace == "auto":
            return self.family.opens_trace
        return source.unopened_trace == "read"


def _check_rules(source: SourceBase, rules: Mapping[str, AnyRule], own: Mapping[str, AnyRule]) -> None:
    """Refuse settings of a rule that stays off, and a choice of rows by flags that no rule gives.

    Args:
        source: with what the recipe says of rules.
        rules: all that are named for it.
        own: those that the source itself names.

    Raises:
        ValueError: naming source, rule and the way out.
    """
    for name in own:
        if not rules[name].fits(source.format):
            msg = f"{source.name}: the rule {name} needs {rules[name].needs}"
            raise ValueError(f"{msg}, and rows of the format {source.format.type} have none; leave it out")
    for name, rule in rules.items():
        stated = rule.model_fields_set - {"file"}
        silent = stated and "action" not in stated
        if silent and rule.fits(source.format) and rule.default == "off":
            msg = f"{source.name}: the rule {name} has settings and is off"
            raise ValueError(f"{msg}; add `action: drop` or `action: flag`")
    flags = [rule.name for rule in in_force(rules, source.format) if rule.action == "flag"]
    select = Select.of(source.select)
    for name in dict.fromkeys((*select.wanted, *select.refused)):
        if name not in flags:
            known = f"flags are {', '.join(flags)}" if flags else "no rule flags rows of it"
            msg = f"{source.name}: `select` names {name}, which flags none of its rows ({known}); "
            raise ValueError(f"{msg}add `rules: {{{name}: flag}}`")
    _check_select(source, select, rules)


def _check_select(source: SourceBase, select: Select, rules: Mapping[str, AnyRule]) -> None:
    """Refuse what would select no row of a source, whatever its rows say.

    Raises:
        ValueError: naming source and setting.
    """
    rows, name = source.format, source.name
    if select.verified and not any(rule.checks_answers for rule in in_force(rules, rows)):
        way = "add `rules: {wrong_answer: flag}`" if rows.answered else "its rows do not state an answer"
        msg = f"{name}: `select` asks for verified answers, and no rule compares them; {way}"
        raise ValueError(msg)
    if select.pass_rate and not rows.rated and not isinstance(rows, Auto):
        msg = f"{name}: `select` asks for a pass rate, which rows of the format {rows.type} do not state"
        raise ValueError(msg)


def _refuse_drop(name: str, rule: AnyRule) -> str:
    stated = rule.reviewed.precision if rule.reviewed else None
    if isinstance(rule, OwnRule):
        return refuse_drop(rule.name, None, stated)
    return refuse_drop(name, rule, stated)


def _check_names(stated: Sequence[Mapping[str, AnyRule]]) -> None:
    """Refuse rules of users' files that have the name of another rule or reason.

    Raises:
        ValueError: naming the files.
    """
    for path, rule in (pair for rules in stated for pair in rules.items()):
        if isinstance(rule, OwnRule) and rule.file.path != path:
            msg = f"rules.{path} states the file {rule.file.path}; write the path of the file as its name"
            raise ValueError(msg)
    known: dict[str, str] = dict.fromkeys((*known_reasons(), *(repair.name for repair in REPAIRS)), "")
    for rule in (rule for rules in stated for rule in own_of(rules)):
        if (other := known.setdefault(rule.name, rule.file.path)) != rule.file.path:
            of = f"the rule of {other}" if other else "a rule or reason of Thinkmix"
            msg = f"the rule of {rule.file.path} is called {rule.name}, as {of} is; give it another name"
            raise ValueError(msg)


def _check_fit(sources: Sequence[SourceBase], rules: Mapping[str, AnyRule]) -> None:
    """Refuse a rule of the recipe that can judge no source.

    Raises:
        ValueError: naming the rule, what it needs, and the formats that the sources have.
    """
    for name, rule in rules.items():
        if rule.action != "off" and not any(rule.fits(source.format) for source in sources):
            formats = ", ".join(dict.fromkeys(source.format.type for source in sources))
            msg = f"the rule {name} needs {rule.needs}, and no source has such rows (formats: {formats})"
            raise ValueError(f"{msg}; leave it out")
