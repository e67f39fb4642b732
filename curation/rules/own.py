"""A rule out of a user's file: its class, loaded from the file's text, and what a recipe states of it.

The file is Python code, which runs with the rights of the user who reads the recipe. Its text goes with the
rule to the processes that judge, so that all of them run what was hashed, and it is in the key of outputs.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from itertools import pairwise
from math import isfinite
from traceback import extract_tb
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

from pydantic import Field, JsonValue, ValidationError, model_validator

from thinkmix.curation.rules.contract import Action, Evidence, Rule, Verdict
from thinkmix.curation.rules.precision import Reviewed
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.patterns import SHA256, Line, Name
from thinkmix.schemas.plain import plain
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import Record

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable
    from thinkmix.schemas.formats.contract import Format

SUFFIX = ".py"
"""How the name of a rule file ends; no built-in rule has such a name."""

PATIENCE = 300.0
"""Seconds after which a user's rule that still judges one batch of rows, some hundred, is stopped."""

_SHOWN = 200


class RuleFile(Record):
    """A user's rule file as it was when the recipe was read."""

    path: Annotated[Line, Field(pattern=r"^[^/].*\.py$")]
    """Where it lies, from the folder of the recipe."""
    sha256: str = Field(pattern=SHA256)
    """Digest of its text; a build refuses a file that has another."""
    name: Name
    """What the rule is called: the reason of the rows that it drops, and their flag."""
    sentence: Line
    """What is wrong with a row that it finds."""

    @property
    def told(self) -> str:
        """What people are told before its code judges a row."""
        return (
            f"rule file {self.path} (the rule {self.name}, sha256 {self.sha256[:12]}) is code that runs here"
        )


class OwnRule(Record):
    """What a recipe states of a rule of a user's file; it judges rows of every format."""

    default: ClassVar[Action] = "off"
    needs: ClassVar[str] = ""
    checks_answers: ClassVar[bool] = False

    action: Action = "off"
    """What becomes of a row that it finds."""
    reviewed: Reviewed | None = Field(default=None, title="Reviewed")
    """What a review of your own rows found; without it, the rule flags at most."""
    settings: Mapping[str, JsonValue] = Field(default_factory=dict)
    """Settings of its class."""
    file: RuleFile
    """Where it comes from."""
    code: str = Field(default="", exclude=True, repr=False)
    """The file's text; it is in no manifest, and a build reads it before its first row."""

    @model_validator(mode="before")
    @classmethod
    def _was_read(cls, stated: object) -> object:
        if not isinstance(stated, Mapping) or "file" not in stated:
            msg = "a rule file is read together with the file of its recipe; load the recipe from its file"
            raise ValueError(msg)
        return stated

    @property
    def name(self) -> str:
        """What it is called."""
        return self.file.name

    @property
    def sentence(self) -> str:
        """What is wrong with a row that it finds."""
        return self.file.sentence

    def fits(self, rows: "Format") -> bool:
        """Return that it judges rows of every format."""
        return True

    def action_on(self, rows: "Format") -> Action:
        """Return what becomes of rows in which it finds something."""
        return self.action

    def statuses(self, turns: "TurnTable") -> Sequence[int]:
        """Compare no answers."""
        raise NotImplementedError

    def rule(self) -> Rule:
        """Return the rule with its settings.

        Raises:
            RecipeError: if its class refuses them.
        """
        return made(load_rule(self.file.path, self.code), self.settings, self.file.path)

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows in which it finds something, in their order.

        Raises:
            RuleFailed: if it raises an exception, returns anything but verdicts on these rows, or has not
                ended after `PATIENCE`.
        """
        rule = self.rule()
        try:
            with _bounded():
                return _verdicts(rule, turns)
        except _Late as late:
            where = place_of(late, self.file.path)
            said = f"{where}: the rule {self.name} does not end"
            raise RuleFailed(f"{said}: it judges {turns.rows:,} rows for {PATIENCE:.0f} s", 0) from late
        except (Exception, SystemExit) as error:
            self._fail(rule, turns, error)

    def _fail(self, rule: Rule, turns: "TurnTable", error: BaseException) -> NoReturn:
        """Say which row it fails on: the first one that makes it fail alone."""
        for row in range(turns.rows):
            try:
                _verdicts(rule, turns.only(row))
            except (Exception, SystemExit) as alone:
                raise RuleFailed(self._said(alone), row) from alone
        raise RuleFailed(f"{self._said(error)} where rows are judged together", 0) from error

    def _said(self, error: BaseException) -> str:
        where = place_of(error, self.file.path)
        said = plain(str(error), _SHOWN)
        words = said if isinstance(error, _Unfit) else f"{type(error).__name__}{f': {said}' if said else ''}"
        return f"{where}: the rule {self.name} fails with {words}"


AnyRule = Rule | OwnRule


class RuleFailed(Exception):
    """A user's rule failed on a row; the caller, which knows where the row lies, makes a sentence of it."""

    def __init__(self, said: str, row: int) -> None:
        super().__init__(said, row)
        self.said, self.row = said, row
        """What happened, and the place of the row in the table that was judged."""

    def error(self, file: str, row: int) -> RecipeError:
        """Return what a person reads, given the row's file and its number there."""
        return RecipeError(f"{self.said}, on row {row} of {file}; correct the rule, or set it `off`")


class _Late(BaseException):
    """A rule has not ended in time. No `Exception`: a rule that catches all of those must not catch this."""


@contextmanager
def _bounded() -> Iterator[None]:
    """Raise `_Late` in what runs after `PATIENCE`, in the thread that may handle signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Unfit(ValueError):
    """A rule returned something else than verdicts on the rows that it was given."""


@cache
def load_rule(path: str, code: str) -> type[Rule]:
    """Run the text of a rule file, and return the rule that it defines.

    Args:
        path: names it in errors.
        code: Python; it may import what is installed, and nothing beside it.

    Raises:
        RecipeError: naming the file and the line, if it does not run, or does not define one rule.
    """
    module = ModuleType(f"thinkmix_rule_{sha256(code.encode()).hexdigest()[:16]}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # pydantic looks for the names in annotations there
    try:
        exec(compile(code, path, "exec"), module.__dict__)  # noqa: S102 - it is what the recipe asks for
    except SyntaxError as error:
        msg = f"{path}: line {error.lineno}: not Python: {error.msg}; correct it"
        raise RecipeError(msg) from None
    except (Exception, SystemExit) as error:
        msg = f"{place_of(error, path)}: it fails with {type(error).__name__}: {plain(str(error), _SHOWN)}"
        raise RecipeError(f"{msg}; correct it") from error
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        many = ", ".join(kind.__name__ for kind in kinds) or "none"
        msg = f"{path}: a rule file defines one class that inherits from Rule, and this one has {many}"
        raise RecipeError(f"{msg}; see docs/rules.md")
    return kinds[0]


def describe(path: str, code: str) -> RuleFile:
    """Return what a rule file says of its rule.

    Raises:
        RecipeError: if it does not load, or its rule has no name, no sentence or no `judge`.
    """
    kind = load_rule(path, code)
    if missing := [name for name in ("name", "sentence") if not isinstance(getattr(kind, name, None), str)]:
        msg = f'{path}: the class {kind.__name__} has no `{missing[0]}`; add `{missing[0]} = "…"`'
        raise RecipeError(msg)
    if kind.judge is Rule.judge:
        msg = f"{path}: the class {kind.__name__} has no `judge`; add `def judge(self, turns)`"
        raise RecipeError(msg)
    if "file" in kind.model_fields:
        msg = f"{path}: a setting of the class {kind.__name__} is called file, which names the rule file"
        raise RecipeError(f"{msg}; give it another name")
    if kind.name in list(Reason):
        msg = f"{path}: {kind.name} is the name of a reason of Thinkmix; give the rule another name"
        raise RecipeError(msg)
    try:
        digest = sha256(code.encode()).hexdigest()
        return RuleFile(path=path, sha256=digest, name=kind.name, sentence=kind.sentence)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        msg = f"{path}: the `{first['loc'][0]}` of the rule is not allowed: {first['msg']}"
        raise RecipeError(f"{msg}; use small letters, digits, - and _ in a name") from None


def made(kind: type[Rule], settings: Mapping[str, JsonValue], where: str) -> Rule:
    """Return a rule with settings.

    Raises:
        RecipeError: naming the setting that its class refuses.
    """
    known = [name for name in kind.model_fields if name not in Rule.model_fields]
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "settings"
        listed = f"; its settings are {', '.join(known)}" if known else "; it has no settings"
        said = "not a setting" if first["type"] == "extra_forbidden" else first["msg"]
        msg = f"{where}: {name}: {said}{listed}"
        raise RecipeError(msg) from None


def place_of(error: BaseException, path: str) -> str:
    """Return the file, and the last of its lines that an exception passed through, if it did."""
    numbers = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == path]
    return f"{path}: line {numbers[-1]}" if numbers else path


def own_sentences(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return the rules of users' files that a recipe names, by name, with their sentences.

    Args:
        recipe: in plain JSON, as manifests and reports hold it.
    """
    stated = [recipe.get("rules") or {}, *(source.get("rules") or {} for source in recipe.get("sources", ()))]
    files = [one["file"] for rules in stated for path, one in rules.items() if path.endswith(SUFFIX)]
    return {file["name"]: file["sentence"] for file in files}


def _verdicts(rule: Rule, turns: "TurnTable") -> list[Verdict]:
    """Return what a rule finds, in the order of the rows.

    Raises:
        _Unfit: if it returns anything but verdicts on these rows.
    """
    found = list(rule.judge(turns))
    for one in found:
        if not isinstance(one, Verdict) or not isinstance(one.evidence, Evidence):
            raise _Unfit(f"{plain(repr(one), 60)} in place of a Verdict(row, value, Evidence(…))")
        _check_verdict(one, turns)
    found.sort(key=lambda one: one.row)
    if twice := [one.row for one, after in pairwise(found) if one.row == after.row]:
        raise _Unfit(f"two verdicts on row {twice[0]} of the table; a rule has one on a row")
    return found


def _check_verdict(one: Verdict, turns: "TurnTable") -> None:
    evidence, numbers = one.evidence, (one.row, one.evidence.message, one.evidence.start, one.evidence.end)
    if not all(number is None or type(number) is int for number in numbers):
        raise _Unfit("a row, message, start or end that is not a whole number of Python; use int(…)")
    if not 0 <= one.row < turns.rows:
        raise _Unfit(f"a verdict on row {one.row} of a table of {turns.rows}")
    if type(one.value) is not float or not isfinite(one.value):
        raise _Unfit(f"the value {one.value!r}, which is not a finite float")
    if not isinstance(evidence.text, str):
        raise _Unfit("evidence without a text")
    place = (evidence.part, evidence.start, evidence.end)
    if evidence.message is None and place == (None, None, None):
        return
    first, last = turns.first[one.row : one.row + 2].tolist()
    if evidence.message is None or not 0 <= evidence.message < last - first:
        raise _Unfit(f"evidence in message {evidence.message} of a row of {last - first}")
    if evidence.part not in ("content", "reasoning") or evidence.start is None or evidence.end is None:
        raise _Unfit("evidence in a message without its part, start or end")
    size = len(turns.text(first + evidence.message, evidence.part).decode())
    if not 0 <= evidence.start <= evidence.end <= size:
        raise _Unfit(f"evidence from {evidence.start} to {evidence.end} of a text of {size} characters")
