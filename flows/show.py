"""What a person reads in the terminal about a version; what rows say is never obeyed."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.nights import acceptance, newest_run
from flows.store import MANIFEST, Store
from flows.summary import fractions
from schemas.formats import Auto
from schemas.formats.recognition import settled_statement
from schemas.gates import GateResult
from schemas.manifest import Manifest
from schemas.report import Report
from schemas.run import Acceptance, RunReport
from train.result import TrainResult

_LONGEST_TEXT = 10_000
_FIELDS = 8
"""Unread fields that are named in a line."""

_MARKS = {"pass": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def version_facts(version: Path) -> dict[str, object]:
    """Return what a machine wants to know of a version: where it lies, its shares, whether it is good.

    Status and gates are those of the newest run that built it, and unset if that run's folder is gone.
    """
    told, accepted = newest_run(version), _accepted(version)
    report = Report.model_validate_json((version / "report.json").read_bytes())
    manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
    return {
        "mixture": manifest.mixture,
        "version": version.name,
        "path": str(version),
        "report": str(_page(version)),
        "good": _good(report, told, accepted),
        "status": told.status if told else None,
        "accepted": accepted.model_dump(mode="json") if accepted else None,
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


def show_version(version: Path, console: Console) -> None:
    """Print a version's verdict, checks, gates and shares, what it left out and why, and where it lies."""
    report = Report.model_validate_json((version / "report.json").read_bytes())
    told, accepted = newest_run(version), _accepted(version)
    say = partial(console.print, emoji=False, highlight=False)
    good = _good(report, told, accepted)
    verdict = "[bold green]may be trained on[/]" if good else "[bold red]do not train on it[/]"
    status = f" ({told.status})" if told else ""
    say(f"\n[bold]{plain(report.title or report.mixture)}[/]: {verdict}{status}")
    if accepted:
        say(f"  accepted by {plain(accepted.by)}, {accepted.at}: {plain(accepted.why)}")
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


def _recognised(report: Report) -> Iterator[str]:
    """Yield what the rows of sources were recognised as, in the words that pin it in a recipe."""
    named = {source.name for source in report.recipe.sources if isinstance(source.format, Auto)}
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


def _accepted(version: Path) -> Acceptance | None:
    mixture = version.resolve().parent.parent
    return acceptance(Store(mixture.parent), mixture.name, version.name)


def _good(report: Report, told: RunReport | None, accepted: Acceptance | None) -> bool:
    """Return whether a version may be trained on: no check and no gate failed, or a person took it."""
    checked = all(check.passed for check in report.checks)
    return accepted is not None or (checked and not (told and told.failures))


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


def show_training(result: TrainResult, output: Path, console: Console) -> None:
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


def _filled(result: TrainResult) -> str:
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
