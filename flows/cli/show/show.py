"""What a person reads in the terminal about a version and a training run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from thinkmix.flows.cli.show.printing import say, table
from thinkmix.flows.pages.verdict import duration, moment
from thinkmix.flows.runs.history import (
    approval_at_home,
    judge_version,
    newest_run,
    rejection_at_home,
    seen_now,
)
from thinkmix.flows.runs.summary import fractions
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.schemas.formats.recognition import format_statement
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import Amount
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.report import Report
from thinkmix.schemas.stated import stated_settings

if TYPE_CHECKING:
    from thinkmix.flows.runs.standing import Standing
    from thinkmix.train.output.result import TrainResult

_FIELDS = 8
"""Unread fields that are named in a line."""

_MARKS = {"pass": ("green", "✓"), "warn": ("yellow", "!"), "fail": ("red", "✗")}
_UNITS = ("examples", "tokens", "trainable_tokens")


def version_facts(version: Path) -> dict[str, object]:
    """Return what a machine wants to know of a version: where it lies, its shares, whether it is good.

    Status and gates are those of the newest run that built it, and unset if that run's folder is gone.
    """
    told, approved = newest_run(version), approval_at_home(version)
    if rejected := rejection_at_home(version):
        told = seen_now(version)
    report = Report.model_validate_json((version / "report.json").read_bytes())
    manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
    return {
        "mixture": manifest.mixture,
        "version": version.name,
        "path": str(version),
        "report": str(_page(version)),
        "good": judge_version(version)[0],
        "status": told.status if told else None,
        "approved": approved.model_dump(mode="json") if approved else None,
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
    told, approved, rejected = seen_now(version), approval_at_home(version), rejection_at_home(version)
    good = (
        ("bold green", "may be trained on")
        if judge_version(version)[0]
        else ("bold red", "do not train on it")
    )
    ended = "rolled back" if rejected else "approved" if approved else told.status if told else ""
    title = ("bold", heading or report.title or report.mixture)
    say(console, "\n", title, ": ", good, f" ({ended})" if ended else "", wrap=True)
    if approved:
        say(console, f"  approved by {approved.by}, {approved.at}: {approved.why}", wrap=True)
    if rejected:
        say(console, f"  {rejected.sentence}", wrap=True)
    for check in report.checks:
        say(
            console,
            "  ",
            _MARKS["pass" if check.passed else "fail"],
            f" {check.name}: {check.detail}",
            wrap=True,
        )
    _show_gates(told.gates if told else (), console)
    named = {
        source.name
        for source in stated_settings(report.recipe).sources
        if source.format.get("type") == "auto"
    }
    for source in report.sources:
        if source.name in named:  # in the words that pin it in a recipe
            say(console, f"  recognised {source.name}: format: {format_statement(source.format)}")
    shares = zip(report.shares, fractions(report.shares), strict=True)
    table(
        console,
        ("split", "source", ">examples", ">by examples", ">by tokens", ">by trainable tokens"),
        (
            (
                share.split,
                share.source,
                f"{share.examples:,}",
                *(f"{float(row[unit]):.2%}" for unit in _UNITS),
            )
            for share, row in shares
        ),
    )
    table(
        console,
        ("stage", "source", ">rows in", ">kept", "dropped"),
        (
            (
                count.stage,
                count.source,
                f"{count.read.rows:,}",
                f"{count.kept.rows:,}",
                _dropped(count.dropped),
            )
            for count in report.ledger.stages
        ),
    )
    _show_reading(report, console)
    say(console, f"mixture  {version}")
    say(console, f"report   {_page(version)}")


def show_standing(found: "Standing", console: Console) -> None:
    """Print how a mixture stands: the verdict of its front page, the last run, and the current version."""
    colour = {"good": "green", "warn": "yellow", "bad": "red"}[found.verdict.colour]
    headline = (f"bold {colour}", found.verdict.headline)
    say(console, ("bold", found.mixture), ": ", headline, f" {found.verdict.sentence}")
    if last := found.last_run:
        why = f" · {last.why}" if last.why and last.why not in found.verdict.sentence else ""
        took = f" · took {duration(last.seconds)}" if last.seconds else ""
        say(console, f"last run         {last.ended} · {moment(last.started)}{took}{why}")
        if last.folder:
            say(console, f"its report       {last.folder}")
    shown = "none"
    if now := found.current:
        good = "may be trained on" if now.good else "do not train on it"
        since = f" of {moment(now.since)}" if now.since else ""
        shown = f"{now.version[:12]}{since} · {good} · {now.why}"
    say(console, f"current version  {shown}")


def _show_gates(found: Sequence[GateResult], console: Console) -> None:
    """Print what gates object to, the worst first, and in one line which found nothing to object to."""
    for level in ("fail", "warn"):
        for gate in found:
            if gate.level == level:
                say(console, "  ", _MARKS[level], f" {gate.gate}: {gate.sentence}", wrap=True)
    objecting = {gate.gate for gate in found if gate.level != "pass"}
    if calm := list(dict.fromkeys(gate.gate for gate in found if gate.gate not in objecting)):
        say(console, "  ", _MARKS["pass"], f" gates without objection: {', '.join(calm)}", wrap=True)


def _show_reading(report: Report, console: Console) -> None:
    """Print how many turns are learned, and in one line a source what was found in its rows."""
    for count in report.turns:
        learned = f"{count.turns:,} = {count.trained:,} learned"
        say(console, f"turns    {count.source}: {learned} + context ({_listed(count.context)})", wrap=True)
    for one in report.findings:
        if one.found:
            say(console, f"found    {one.source}: {_listed(one.found)}", wrap=True)
        if one.unread:
            more = f" and {len(one.unread) - _FIELDS} more" if len(one.unread) > _FIELDS else ""
            fields = _listed({field.path: field.count for field in one.unread[:_FIELDS]})
            say(console, f"unread   {one.source}: {fields}{more}", wrap=True)


def _page(version: Path) -> Path:
    """Return where the page of the version's mixture lies, which is that of its newest run."""
    return version.resolve().parent.parent / "report.html"


def _dropped(amounts: Mapping[str, Amount]) -> str:
    return _listed({reason: amount.rows for reason, amount in amounts.items() if amount.rows})


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in counts.items()) or "nothing"


def show_training(result: "TrainResult", console: Console, *, output: Path) -> None:
    """Print how the loss went, on the rows that were trained on and on those that were held out."""
    counts, plan = result.counts, result.plan
    first, last = _ends(result.losses)
    digest = ("dim", result.mixture_digest[:12])
    say(console, f"\ntrained {counts.steps} steps on {result.mixture} ", digest)
    say(console, f"  loss {first:.3f} → {last:.3f}, over {counts.trained_tokens:,} trained tokens")
    share = counts.padding_tokens / (counts.tokens + counts.padding_tokens)
    padding = f"{share:.1%} padding" if counts.padding_tokens else "no padding"
    budget = f"{counts.packing_efficiency:.1%} of batches of {plan.batch:,} filled"
    say(console, f"  {counts.tokens:,} tokens read, {budget}, {padding}")
    if result.eval_before and result.eval_after:
        before, after = result.eval_before.total, result.eval_after.total
        say(console, f"  held-out loss {before.loss:.3f} → {after.loss:.3f}, over {after.rows} rows")
    if counts.too_long:
        say(console, f"  {counts.too_long:,} rows were longer than {plan.max_tokens} tokens, left out")
    say(console, f"{'adapter' if plan.has_adapter else 'model'}  {output}")


def _ends(losses: Sequence[float]) -> tuple[float, float]:
    """Return the mean loss over the first and the last tenth of the steps: single steps are noisy."""
    part = max(1, len(losses) // 10)
    return sum(losses[:part]) / part, sum(losses[-part:]) / part
