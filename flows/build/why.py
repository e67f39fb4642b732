"""Why outputs were made again: what decides each, compared with what decided it in the last build.

A build notes this in `<mixture>/outputs.json`, of each output that it used:
  {"outputs": {"<stage>/<key>": {"name", "function", "code", "reused", "arguments"}},
   "code": {"<digest>": {"modules", "libraries"}}}
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thinkmix.curation.gates.results import count_of
from thinkmix.flows.build.jobs import StageJob, Used
from thinkmix.flows.build.step import Decided
from thinkmix.schemas.record import Record

_LABELS = 3
_CHANGES = 5
"""Changes of one output that are named."""


class MadeAgain(Record):
    """Outputs of one stage that are made for the same reasons."""

    stage: str
    outputs: int
    because: tuple[str, ...]
    """What changed since the last build: arguments from what to what, modules, libraries. Empty if nothing
    did: the cache holds the output no more."""
    labels: tuple[str, ...]
    """The first of them."""


@dataclass
class _Output:
    """One output that a build used, as it is noted."""

    name: str
    function: str
    code: str
    reused: bool
    arguments: Mapping[str, str]


@dataclass
class Outputs:
    """The outputs that a build used, and what decided each."""

    outputs: dict[str, _Output] = field(default_factory=dict)
    """By `<stage>/<key>`."""
    code: dict[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    """By digest: modules and libraries."""

    def add(self, stage: str, key: str, name: str, decided: Decided, *, reused: bool) -> None:
        """Note one output."""
        code = decided.code
        self.code.setdefault(code.digest, {"modules": code.modules, "libraries": code.libraries})
        self.outputs[f"{stage}/{key}"] = _Output(
            name, decided.function, code.digest, reused, decided.arguments
        )

    def note(self) -> Mapping[str, object]:
        """Return what is written of it."""
        return {"outputs": {key: vars(output) for key, output in self.outputs.items()}, "code": self.code}


def noted_outputs(content: object) -> Outputs | None:
    """Return the outputs that a build noted; None if it noted none, or in another layout."""
    try:
        stated: Any = content
        outputs = {key: _Output(**output) for key, output in stated["outputs"].items()}
        return Outputs(outputs, dict(stated["code"]))
    except (TypeError, KeyError, AttributeError):
        return None


def of_build(used: Iterable[Used]) -> Outputs:
    """Return the outputs of a build that is over."""
    found = Outputs()
    for one in used:
        folder = one.output.folder
        found.add(one.stage, folder.name, one.name, one.decided, reused=one.output.reused)
    return found


def of_jobs(jobs: Iterable[StageJob[Any]]) -> Outputs:
    """Return the outputs that jobs would make."""
    found = Outputs()
    for job in jobs:
        for nth, decided in enumerate(job.decided):
            found.add(job.stage, f"{job.name} {nth}", job.name, decided, reused=False)
    return found


def explain_outputs(before: Outputs | None, after: Outputs) -> tuple[MadeAgain, ...]:
    """Return what was made that the cache did not hold, and why, stage by stage.

    Args:
        before: what the last build of the mixture used; None if that is not known.
        after: what a build used, or would make.
    """
    known: dict[tuple[str, str], list[_Output]] = {}
    for key, output in (before.outputs if before else {}).items():
        known.setdefault((key.partition("/")[0], output.name), []).append(output)
    seen = Counter[tuple[str, str]]()
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for key, output in after.outputs.items():
        place = (key.partition("/")[0], output.name)
        nth, seen[place] = seen[place], seen[place] + 1
        if output.reused:
            continue
        there = known.get(place, [])
        if before is None:
            why: tuple[str, ...] = ("no build noted what decided its outputs",)
        elif nth >= len(there):
            why = ("new: the last build had no such output",)
        else:
            why = _shortened(_changes(before, there[nth], after, output))
        found.setdefault((place[0], why), []).append(output.name)
    return tuple(
        MadeAgain(stage=stage, outputs=len(names), because=why, labels=tuple(dict.fromkeys(names))[:_LABELS])
        for (stage, why), names in found.items()
    )


def sentences(found: Iterable[MadeAgain]) -> Iterator[str]:
    """Yield the reasons in lines for people."""
    for one in found:
        more = ", …" if one.outputs > len(one.labels) else ""
        yield f"{one.stage}: {count_of(one.outputs, 'output')} made ({', '.join(one.labels)}{more})"
        yield from (f"  because {line}" for line in reasons(one.because))


def reasons(because: Sequence[str]) -> Sequence[str]:
    """Return why outputs are made, in words where nothing that decides them changed."""
    return because or ("nothing that decides it changed: the cache holds it no more",)


def _shortened(changes: Iterable[str]) -> tuple[str, ...]:
    listed = tuple(changes)
    if len(listed) <= _CHANGES:
        return listed
    return (*listed[:_CHANGES], f"and {len(listed) - _CHANGES} more")


def _changes(before: Outputs, was: _Output, after: Outputs, is_: _Output) -> Iterator[str]:
    """Yield what differs in all that decides an output."""
    if was.function != is_.function:
        yield f"function {was.function} is {is_.function} now"
    for name in sorted(was.arguments.keys() | is_.arguments.keys()):
        old, new = was.arguments.get(name), is_.arguments.get(name)
        if old != new:
            yield f"argument {name} {_from_to(old, new)}"
    if was.code != is_.code:
        old_code, new_code = before.code.get(was.code, {}), after.code.get(is_.code, {})
        for kind, word in (("modules", "module"), ("libraries", "library")):
            old_part, new_part = old_code.get(kind, {}), new_code.get(kind, {})
            for name in sorted(old_part.keys() | new_part.keys()):
                if old_part.get(name) != new_part.get(name):
                    change = _from_to(old_part.get(name), new_part.get(name), plain=kind == "libraries")
                    yield f"{word} {name} {change}"


def _from_to(old: str | None, new: str | None, *, plain: bool = True) -> str:
    """Return how a value changed, in words; digests say nothing to a reader."""
    if old is None:
        return "is new"
    if new is None:
        return "is gone"
    if not plain or old.startswith("#") or new.startswith("#"):
        return "changed"
    return f"{old} → {new}"
