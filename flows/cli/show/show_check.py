"""What a person reads in the terminal about a recipe that was checked or begun; rows steer no terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from thinkmix.curation.gates.results import count_of
from thinkmix.flows.cli.show.printing import cut, say
from thinkmix.flows.cli.show.show_rows import show_example
from thinkmix.flows.inspect.checking import spoken
from thinkmix.flows.system.progress import size
from thinkmix.schemas.plain import plain

if TYPE_CHECKING:
    from thinkmix.curation.audit.trial import Trial
    from thinkmix.flows.inspect.checking import Check, Estimate, SourceCheck
    from thinkmix.flows.inspect.starting import Started

_FIELDS = 8
_DETAIL = 160


def show_check(found: "Check", console: Console) -> None:
    """Print what was seen of each source, an example of each as it is trained, and what a build takes."""
    say(console, ("bold", found.mixture), f"  {found.recipe} · template {found.template}")
    for file in found.rule_files:
        say(console, ("yellow", "!"), f" {file.told}")
    for source in found.sources:
        say(console, "\n", ("bold cyan", source.name))
        for word, line in _lines(source):
            say(console, "  ", ("dim", f"{word:<11}"), line)
    for source in found.sources:
        if shown := source.preview.example:
            where = f"{shown.file} row {shown.row}, turn {shown.turn}"
            mode = "thinking" if shown.thinking else "direct"
            say(console, "\n", ("bold", f"an example of {source.name}"), f"  {where} · {mode}")
            show_example(shown, console)
    say(console, "\n", ("bold cyan", "a build"))
    for name, matched in found.benchmarks.items():
        patterns = ", ".join(f"{pattern} → {count:,}" for pattern, count in matched.items())
        say(console, "  ", ("dim", f"{'evaluation':<11}"), f"{name}: {patterns}")
    if found.estimate:
        for word, line in _estimated(found.estimate, len(found.sources)):
            say(console, "  ", ("dim", f"{word:<11}"), line)
    else:
        empty = ", ".join(source.name for source in found.sources if not source.supply)
        say(console, f"  cannot be estimated: no row of {empty} that was looked at becomes an example")
    if not found.mend:
        say(console, ("green", "✓"), " nothing to fix")
    for sentence in (*found.mend, *(plain(source.licence) for source in found.sources if source.licence)):
        say(console, ("yellow", "!"), f" {sentence}")


def _lines(source: "SourceCheck") -> Iterator[tuple[str, str]]:
    seen = source.preview
    patterns = ", ".join(f"{pattern} → {count:,}" for pattern, count in source.matched.items())
    yield "files", f"{source.files:,}, {size(source.size)} ({patterns})"
    if source.commit:
        yield (
            "commit",
            f"{source.commit[:12]} of {source.dataset}; {size(source.fetched)} fetched to look at it",
        )
    about = "" if source.exact else "about "
    yield "rows", f"{seen.read:,} looked at of {about}{source.rows:,}; {seen.kept:,} kept"
    yield "format", f"{source.format}{' (recognised)' if source.recognised else ''}"
    for drop in seen.dropped:
        where = f"{drop.file} row {drop.row}"
        times = count_of(drop.count, "row" if drop.stage == "validate" else "example")
        yield "dropped", f"{drop.reason}: {times}; the first is {where}: {cut(drop.detail, _DETAIL)}"
    for field in seen.unread[:_FIELDS]:
        like = f", looks like {field.looks_like}" if field.looks_like else ""
        reads = f": {field.setting}" if field.setting else ""
        yield "unread", f"{field.path} in {field.count:,}{like}{reads} ({field.example})"
    if len(seen.unread) > _FIELDS:
        yield "unread", f"and {len(seen.unread) - _FIELDS:,} more fields"
    if seen.found:
        yield "found", ", ".join(f"{word} {times:,}" for word, times in seen.found.items())
    yield from _tried(seen.rules)
    yield "examples", spoken(seen)


def _tried(rules: "Sequence[Trial]") -> Iterator[tuple[str, str]]:
    """Yield what each rule finds, or would find if it were on, with the words of its first row marked."""
    for trial in rules:
        if (first := trial.first) is None:
            continue
        told = f"would find {trial.hits:,}" if trial.action == "off" else f"{trial.action}s {trial.hits:,}"
        before, words, after = (plain(text, _DETAIL) for text in (first.before, first.words, first.after))
        marked = f"{before}»{words}«{after}" if words else first.detail
        right = f", right in {trial.precision.estimate:.0%} where it was measured" if trial.precision else ""
        of = f"{told} of {trial.judged:,} rows ({trial.share:.1%}{right})"
        yield "rule", f"{trial.rule} {of}; the first is {first.file} row {first.row}: {marked}"
    if nothing := [trial.rule for trial in rules if not trial.hits]:
        yield "rule", f"{', '.join(nothing)}: nothing found"


def _estimated(found: "Estimate", sources: int) -> Iterator[tuple[str, str]]:
    scarcest = f"{found.limited_by}, {'the scarcest for its share' if sources > 1 else 'its only source'}"
    why = "the recipe's `size`" if found.limited_by == "size" else scarcest
    unit = found.unit.replace("_", " ")
    yield "mixture", f"at most about {found.size:,} {unit}, less what is found twice; limited by {why}"
    yield "download", size(found.download) if found.download else "nothing"
    minutes = f"{found.minutes:.0f} minutes" if found.minutes >= 1.5 else f"{60 * found.minutes:.0f} seconds"
    workers = f"{found.workers} worker{'s' if found.workers > 1 else ''}"
    yield "takes", f"about {size(found.disk)} of disk and {minutes} with {workers}, without downloads"


def show_started(started: "Started", console: Console) -> None:
    """Print what was seen of each source, and what to do with the recipe."""
    for source in started.sources:
        say(console, ("bold cyan", source.name))
        for note in source.notes:
            say(console, f"  {note}")
    say(console, f"recipe  {started.recipe}")
    say(console, f"next    thinkmix check {started.recipe}")
    say(console, f"        thinkmix build {started.recipe}")
