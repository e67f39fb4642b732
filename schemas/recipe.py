"""What a recipe may say: sources, how they are cleaned, and the shares of the final mixture."""

import codecs
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from thinkmix.schemas.arrange import Neighbours
from thinkmix.schemas.dedup import DedupPlan
from thinkmix.schemas.formats import RowFormat
from thinkmix.schemas.gates import Gates
from thinkmix.schemas.patterns import NAME, REPO_ID, REVISION, ROWS_IN
from thinkmix.schemas.record import Record

Name = Annotated[str, Field(pattern=NAME)]
"""A name that is safe as a folder and as a column value."""

RepoId = Annotated[str, Field(pattern=REPO_ID)]
Revision = Annotated[str, Field(pattern=REVISION)]

Pattern = Annotated[str, Field(min_length=1, max_length=1024)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=1000)]
"""Patterns of file names: `*`, `?` and `[abc]` stay inside a folder, `**` crosses folders."""

RowsIn = Annotated[str, Field(pattern=ROWS_IN, max_length=1024)]
"""Keys of JSON objects, joined by dots."""


_ESCAPES = ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7")
"""Codecs of Python that no file of rows is written in."""


def _known_encoding(name: str) -> str:
    try:
        "a".encode(name)  # unlike `codecs.lookup` refuses what does not encode text
        known = codecs.lookup(name).name not in _ESCAPES
    except (LookupError, ValueError):
        known = False
    if not known:
        msg = f"{name!r} is not a known encoding of text; known are gbk, big5, utf-16, latin-1 and others"
        raise ValueError(msg)
    return name


Encoding = Annotated[str, Field(max_length=40), AfterValidator(_known_encoding)]
"""A name of an encoding, as Python spells it: gbk, utf-16, latin-1."""

Line = Annotated[str, Field(max_length=2000)]
"""Words for people."""

Template = Literal["qwen3", "qwen3-instruct-2507", "qwen3-thinking-2507"]
"""Chat template of the model to be trained: hybrid, instruct-only or thinking-only."""

Unit = Literal["examples", "tokens", "trainable_tokens"]
"""What shares count."""

Compare = Literal["first_user", "user_turns", "conversation"]
"""What near-duplicates are judged by: the problem, all questions, or everything that was said."""


def _format_by_name(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


class SourceBase(Record):
    """What every source declares, wherever its rows lie."""

    name: Name
    """Name of the source in shares, ledger and report."""
    format: Annotated[RowFormat, BeforeValidator(_format_by_name)]
    """How its rows are laid out: a format's name, or its name and settings."""
    rows: RowsIn | None = None
    """Where the list of rows lies in JSON files that hold one object: `data`, or `result.items`."""
    encoding: Encoding | None = None
    """Encoding of its files of text, where that is not UTF-8: `gbk`, `utf-16`, `latin-1`."""
    thinking: Literal["required", "allowed", "forbidden"] = "allowed"
    """Whether assistant turns must, may or must not hold a <think> trace. With `required` the last one must,
    or the row is dropped, and earlier ones without it are context."""
    supervise: Literal["all", "last"] = "all"
    """Which assistant turns become training examples; turns that are marked as context never do."""
    soft_switch: Literal["plain", "train"] = "plain"
    """Where an answer to `/no_think` has its empty trace: in the prompt (`plain`), or learned (`train`)."""
    turns: Neighbours = "keep"
    """What becomes of turns in a row by one speaker: `keep` leaves them turns of their own, as the template
    renders them (two answers in a row cost the row), `join` makes one turn of them, on lines of their own,
    and `drop` drops the row."""
    unopened_trace: Literal["auto", "read", "refuse"] = "auto"
    """What `</think>` without `<think>` means: the end of a trace that the template opened (`read`), or a
    broken row (`refuse`). `auto` reads it if `template` is `qwen3-thinking-2507`, which opens each trace."""
    compare: Compare = "first_user"
    """What near-duplicates are judged by."""
    priority: int = Field(default=0, ge=0, le=99)
    """Between duplicates in two sources the row of the higher priority stays."""
    max_solutions_per_problem: int | None = Field(default=None, ge=1, le=1_000_000)
    """How many rows may share a (near-)identical problem; unset means one."""
    licence: Line | None = None
    """SPDX id or words, carried into manifest and dataset card."""
    expect_rows: int | None = Field(default=None, ge=0, le=10**12)
    """How many raw rows a pinned set must have; unset means any number. See the gate `expected_rows`."""


class HubSource(SourceBase):
    """Files of a Hugging Face dataset at one commit."""

    kind: Literal["hub"] = "hub"
    """Where the rows lie: on the Hugging Face Hub."""
    dataset: RepoId
    """Id on the hub: organisation/name."""
    revision: Revision = "main"
    """A commit (pinned) or a branch or tag, which is resolved to a commit before anything is read."""
    files: Patterns
    """Patterns of the files to fetch; nothing else is downloaded."""


class ModelScopeSource(SourceBase):
    """Files of a ModelScope dataset at one revision; needs `thinkmix[modelscope]`."""

    kind: Literal["modelscope"] = "modelscope"
    """Where the rows lie: on ModelScope."""
    dataset: RepoId
    """Id on ModelScope: organisation/name."""
    revision: Revision = "master"
    """A commit (pinned), or a branch or tag."""
    files: Patterns
    """Patterns of the files to fetch; nothing else is downloaded."""


class LocalSource(SourceBase):
    """Files on this machine."""

    kind: Literal["local"] = "local"
    """Where the rows lie: on this machine."""
    files: Patterns
    """Patterns of files; relative ones start at the recipe's folder."""


Source = Annotated[LocalSource | HubSource | ModelScopeSource, Field(discriminator="kind")]
"""Prefect's form takes a value for the first kind that has most of its fields, so that of fewest is first."""


class Benchmark(Record):
    """Questions of an evaluation that the model will be measured by, and must not have been trained on."""

    name: Name
    """Name of the benchmark in reasons and reports."""
    files: Patterns
    """Patterns of files of questions, like those of a local source."""
    rows: RowsIn | None = None
    """Where the list of questions lies in JSON files that hold one object."""
    field: str = Field(default="question", min_length=1, max_length=200)
    """Field that holds the question."""


class Decontamination(Record):
    """Which rows are left out because an evaluation asks the same."""

    benchmarks: tuple[Benchmark, ...] = Field(default=(), max_length=1000)
    """The evaluations; none means that nothing is checked."""
    ngram: int = Field(default=13, ge=3, le=32)
    """Words in a run that a row must not have in common with a question; shorter questions count whole."""

    @field_validator("benchmarks")
    @classmethod
    def _names_are_unique(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        names = [benchmark.name for benchmark in benchmarks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"benchmark names must be unique, got {', '.join(twice)} twice: rename one"
            raise ValueError(msg)
        return benchmarks


class MixPlan(Record):
    """How the final mixture is composed."""

    shares: Mapping[Name, Annotated[float, Field(ge=0, le=1_000_000)]] = Field(min_length=1, max_length=256)
    """Part of each source in what is not replay: fractions that sum to 1, or whole numbers as a ratio."""
    replay: tuple[Name, ...] = Field(default=(), max_length=256)
    """Sources of what the model can do already, read again so that it is not forgotten; not in `shares`."""
    replay_share: float = Field(default=0.1, gt=0, lt=1)
    """Fraction of the final mixture that is replay, in equal parts per source of `replay`."""
    unit: Unit = "examples"
    """What a share is a fraction of."""
    size: int | None = Field(default=None, ge=1, le=10**15)
    """Examples (or tokens, by `unit`) in the mixture; unset means as many as the shares allow."""
    when_short: Literal["shrink", "repeat", "fail"] = "shrink"
    """What to do when a source cannot fill its share of `size`: a smaller mixture, repeats, or no build."""
    eval_share: float = Field(default=0.02, ge=0, le=0.5)
    """Fraction held out for evaluation; whole clusters, so no near-duplicate is on both sides."""

    @field_validator("shares")
    @classmethod
    def _shares_sum_to_one(cls, shares: Mapping[str, float]) -> Mapping[str, float]:
        total = sum(_decimal(share) for share in shares.values())
        if total == 0:
            msg = "all shares are 0: give one of the sources more"
            raise ValueError(msg)
        if total != 1 and not _are_ratio(shares.values()):
            msg = (
                f"shares sum to {float(total):g}, and fractions must sum to 1: change one, "
                "or write whole numbers as a ratio, as 7 and 3"
            )
            raise ValueError(msg)
        return shares

    @model_validator(mode="after")
    def _repeats_end(self) -> Self:
        if self.when_short == "repeat" and self.size is None:
            msg = "when_short: repeat needs a size, or the mixture would have no end: state `size`"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _replay_has_one_share(self) -> Self:
        named = [*self.shares, *self.replay]
        if twice := sorted({name for name in self.replay if named.count(name) > 1}):
            msg = (
                f"a replay source has its share by replay_share: name {', '.join(twice)} once, and only there"
            )
            raise ValueError(msg)
        return self

    def exact_shares(self) -> dict[str, Fraction]:
        """Return each source's share of the final mixture, replay included; they sum to 1 exactly.

        Shares are the decimals that were written, not their binary neighbours.
        """
        replayed = _decimal(self.replay_share) if self.replay else Fraction(0)
        total = sum(_decimal(share) for share in self.shares.values())  # 1, unless they are a ratio
        shares = {name: (1 - replayed) * _decimal(share) / total for name, share in self.shares.items()}
        return shares | {name: replayed / len(self.replay) for name in self.replay}


def _decimal(share: float) -> Fraction:
    return Fraction(repr(share))


def _are_ratio(shares: Iterable[float]) -> bool:
    return all(share == int(share) for share in shares)


class Limits(NamedTuple):
    """What work one row may cost, whatever its size: each turn that is learned repeats those before it."""

    turns: int = 1_000
    """Most turns."""
    prompt_bytes: int = 64_000_000
    """Most bytes of text in the prompts of all its examples together."""


LIMITS = Limits()
"""Those of a recipe that states none: three and six times what the longest chat of FineTome-100k costs."""


class Recipe(Record):
    """One complete statement of a mixture: same recipe, same sources, same bytes."""

    name: Name
    """Folder of the mixture in the store."""
    title: Line = ""
    """One line for report and dataset card."""
    sources: tuple[Source, ...] = Field(min_length=1, max_length=256)
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
    """Decides which examples are drawn and their order."""
    gates: Gates = Gates()
    """What must not change too much from one build to the next, and what happens if it did."""

    @field_validator("sources")
    @classmethod
    def _names_are_unique(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        names = [source.name for source in sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"source names must be unique, got {', '.join(twice)} twice: rename one"
            raise ValueError(msg)
        return sources

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
    def limits(self) -> Limits:
        """Return what work one row may cost."""
        return Limits(self.max_turns, self.max_prompt_bytes)

    def reads_unopened(self, source: SourceBase) -> bool:
        """Return whether `</think>` without `<think>` closes a trace of the source, see `unopened_trace`."""
        if source.unopened_trace == "auto":
            return self.template == "qwen3-thinking-2507"
        return source.unopened_trace == "read"


def safe_member(path: str) -> PurePosixPath:
    """Return `path` if it stays inside the folder it is joined to.

    Raises:
        ValueError: for absolute paths, the folder itself, `..`, backslashes and control characters.
    """
    member = PurePosixPath(path)
    if (
        not member.parts
        or member.is_absolute()
        or ".." in member.parts
        or "\\" in path
        or not path.isprintable()
    ):
        msg = f"unsafe file name {path!r}"
        raise ValueError(msg)
    return member
