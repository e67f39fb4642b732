"""What a person reads in the terminal about a version; what rows say is never obeyed."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from thinkmix.flows.pages.verdict import duration, moment
from thinkmix.flows.runs.nights import accepted_at_home, judged, newest_run, rejected_at_home, seen_now
from thinkmix.flows.runs.summary import fractions
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.schemas.formats.recognition import settled_statement
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.report import Report
from thinkmix.schemas.stated import stated

if TYPE_CHECKING:
    from thinkmix.flows.runs.standing import Standing
    from thinkmix.train.output.result import TrainResult

_LONGEST_TEXT = 10_000
_FIELDS = 8
"""Unread fields that are named in a line."""

_MARKS = {"pass": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def version_facts(version: Path) -> dict[str, object]:
    """Return what a machine wants to know of a version: where it lies, its shares, whether it is good.

    Status and gates are those of the newest run that built it, and unset if that run's folder is gone.
    """
    told, accepted = newest_run(version), accepted_at_home(version)
    if rejected := rejected_at_home(version):
        told = seen_now(version)
    report = Report.model_validate_json((version / "report.json").read_bytes())
    manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
    return {
        "mixture": manifest.mixture,
        "version": version.name,
        "path": str(version),
        "report": str(_page(version)),
        "good": judged(version)[0],
        "status": told.status if told else None,
        "accepted": accepted.model_dump(mode="json") if accepted else None,
        "rolled_back": rejected.model_dump(mode="json") if rejected else None,
        "checks": [check.model_dump() for check in report.checks],
        "gates": [gate.model_dump() for gate in told.gates] if told else None,
        "turns": [count.model_dump() for count in report.turns],
        "findings": [one.model_dump() for one in report.findings],
        "shares": [share.model_dump() for share in manifest.shares],
        "fractions": fractions(manifest.shares),
        "files": {
            source.name: {"count": len(source.files), "matched": source.matched}
            for source in manifest.sources
        },
        "formats": {source.name: source.format for source in manifest.sources},
        "content_sha256": manifest.content_sha256,
    }


def show_version(version: Path, console: Console, *, heading: str = "") -> None:
    """Print a version's verdict, checks, gates and shares, what it left out and why, and where it lies.

    Unless a heading is given, the title of the mixture is printed.
    """
    report = Report.model_validate_json((version / "report.json").read_bytes())
    told, accepted = seen_now(version), accepted_at_home(version)
    say = partial(console.print, emoji=False, highlight=False)
    good = judged(version)[0]
    verdict = "[bold green]may be trained on[/]" if good else "[bold red]do not train on it[/]"
    rejected = rejected_at_home(version)
    ended = "rolled back" if rejected else "accepted" if accepted else told.status if told else ""
    status = f" ({ended})" if ended else ""
    say(f"\n[bold]{plain(heading or report.title or report.mixture)}[/]: {verdict}{status}")
    if accepted:
        say(f"  accepted by {plain(accepted.by)}, {accepted.at}: {plain(accepted.why)}")
    if rejected:
        say(f"  {plain(rejected.sentence)}")
    for check in report.checks:
        say(f"  {_MARKS['pass' if check.passed else 'fail']} {plain(check.name)}: {plain(check.detail)}")
    for line in _gates(told.gates) if told else ():
        say(line)
    for line in _recognised(report):
        say(line, soft_wrap=True)
    say(_shares(report))
    say(_losses(report))
    for line in _reading(report):
        say(line)
    say(f"mixture  {plain(str(version))}", soft_wrap=True)
    say(f"report   {plain(str(_page(version)))}", soft_wrap=True)


def show_standing(found: "Standing", console: Console) -> None:
    """Print how a mixture stands: the verdict of its front page, the last run, and the current version."""
    say = partial(console.print, emoji=False, highlight=False, soft_wrap=True)
    colour = {"good": "green", "warn": "yellow", "bad": "red"}[found.verdict.colour]
    words = f"[bold {colour}]{plain(found.verdict.headline)}[/] {plain(found.verdict.sentence)}"
    say(f"[bold]{plain(found.mixture)}[/]: {words}")
    if last := found.last_run:
        why = f" · {plain(last.why)}" if last.why and last.why not in found.verdict.sentence else ""
        took = f" · took {duration(last.seconds)}" if last.seconds else ""
        say(f"last run         {last.ended} · {plain(moment(last.started))}{took}{why}")
        if last.folder:
            say(f"its report       {plain(last.folder)}")
    if now := found.current:
        good = "may be trained on" if now.good else "do not train on it"
        since = f" of {plain(moment(now.since))}" if now.since else ""
        say(f"current version  {now.version[:12]}{since} · {good} · {plain(now.why)}")
    else:
        say("current version  none")


def _recognised(report: Report) -> Iterator[str]:
    """Yield what the rows of sources were recognised as, in the words that pin it in a recipe."""
    sources = stated(report.recipe).sources
    named = {source.name for source in sources if source.format.get("type") == "auto"}
    for source in report.sources:
        if source.name in named:
            yield f"  recognised {plain(source.name)}: format: {plain(settled_statement(source.format))}"


def _gates(found: Sequence[GateResult]) -> Iterator[str]:
    """Yield what gates object to, the worst first, and in one line which found nothing to object to."""
    for level in ("fail", "warn"):
        for gate in found:
            if gate.level == level:
                yield f"  {_MARKS[level]} {plain(gate.gate)}: {plain(gate.sentence)}"
    objecting = {gate.gate for gate in found if gate.level != "pass"}
    if calm := list(dict.fromkeys(gate.gate for gate in found if gate.gate not in objecting)):
        yield f"  {_MARKS['pass']} gates without objection: {plain(', '.join(calm))}"


def _reading(report: Report) -> Iterator[str]:
    """Yield how many turns are learned, and in one line a source what was found in its rows."""
    for count in report.turns:
        context = _listed(f"{reason} {turns:,}" for reason, turns in count.context.items())
        learned = f"{count.turns:,} = {count.trained:,} learned"
        yield f"turns    {plain(count.source)}: {learned} + context ({context})"
    for one in report.findings:
        if one.found:
            listed = _listed(f"{word} {times:,}" for word, times in one.found.items())
            yield f"found    {plain(one.source)}: {listed}"
        if one.unread:
            fields = _listed(f"{field.path} {field.count:,}" for field in one.unread[:_FIELDS])
            more = f" and {len(one.unread) - _FIELDS} more" if len(one.unread) > _FIELDS else ""
            yield f"unread   {plain(one.source)}: {plain(fields)}{more}"


def _page(version: Path) -> Path:
    """Return where the page of the version's mixture lies, which is that of its newest run."""
    return version.resolve().parent.parent / "report.html"


def plain(text: str) -> str:
    """Return text as rich markup that shows it literally: no styles, and no codes that steer a terminal.

    Of a text beyond any screen only the beginning is shown: rich takes minutes for a megabyte of backslashes.
    """
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]} … {len(text) - _LONGEST_TEXT:,} more characters"
    return escape(visible(text))


def visible(text: str) -> str:
    """Return text with a code in words in place of every character that would steer a terminal."""
    return "".join(char if char in "\n\t" or char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


def show_training(result: "TrainResult", output: Path, console: Console) -> None:
    """Print how the loss went, on the rows that were trained on and on those that were held out."""
    first, last = _ends(result.losses)
    console.print(
        f"\ntrained {result.counts.steps} steps on {result.mixture} [dim]{result.mixture_digest[:12]}[/]"
    )
    console.print(f"  loss {first:.3f} → {last:.3f}, over {result.counts.trained_tokens:,} trained tokens")
    console.print(f"  {_filled(result)}", highlight=False, soft_wrap=True)
    if result.eval_before and result.eval_after:
        before, after = result.eval_before.total.loss, result.eval_after.total.loss
        console.print(f"  held-out loss {before:.3f} → {after:.3f}, over {result.eval_after.total.rows} rows")
    if result.counts.too_long:
        console.print(
            f"  {result.counts.too_long:,} rows were longer than {result.plan.max_tokens} tokens, left out"
        )
    console.print(f"{'adapter' if result.plan.has_adapter else 'model'}  {output}", soft_wrap=True)


def _filled(result: "TrainResult") -> str:
    counts = result.counts
    padding = counts.padding_tokens / (counts.tokens + counts.padding_tokens)
    told = f"{padding:.1%} padding" if counts.padding_tokens else "no padding"
    budget = f"{counts.packing_efficiency:.1%} of batches of {result.plan.batch:,} filled"
    return f"{counts.tokens:,} tokens read, {budget}, {told}"


def _ends(losses: Sequence[float]) -> tuple[float, float]:
    """Return the mean loss over the first and the last tenth of the steps: single steps are noisy."""
    part = max(1, len(losses) // 10)
    return sum(losses[:part]) / part, sum(losses[-part:]) / part


def _shares(report: Report) -> Table:
    table = _table("split", "source", "examples", "by examples", "by tokens", "by trainable tokens")
    for share, row in zip(report.shares, fractions(report.shares), strict=True):
        parts = [f"{float(row[unit]):.2%}" for unit in ("examples", "tokens", "trainable_tokens")]
        table.add_row(share.split, share.source, f"{share.examples:,}", *parts)
    return table


def _losses(report: Report) -> Table:
    table = _table("stage", "source", "rows in", "kept", "dropped")
    for count in report.ledger.stages:
        dropped = _listed(
            f"{reason} {amount.rows:,}" for reason, amount in count.dropped.items() if amount.rows
        )
        table.add_row(count.stage, count.source, f"{count.read.rows:,}", f"{count.kept.rows:,}", dropped)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns:
        words = column in ("split", "source", "stage", "dropped")
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    return table


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "nothing"
