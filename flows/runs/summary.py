"""A build in a few lines: for the scheduler's artifacts, for a terminal and for chat messages."""

from collections.abc import Mapping

from thinkmix.flows.pages.verdict import Signal, signals, verdict
from thinkmix.flows.system.markdown import inline
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.manifest import SPLITS, Share
from thinkmix.schemas.run import RunReport, Status


def ledger_table(ledger: Ledger) -> list[dict[str, str | int]]:
    """Return one line per stage, source and outcome: `reason` is `kept` for what went on."""
    lines: list[dict[str, str | int]] = []
    for count in ledger.stages:
        outcomes = {"kept": count.kept, **count.dropped}
        for reason, amount in outcomes.items():
            lines.append(
                {
                    "stage": count.stage,
                    "source": count.source,
                    "reason": reason,
                    "rows": amount.rows,
                    "messages": amount.messages,
                    "text_bytes": amount.text_bytes,
                    "examples": amount.examples,
                    "tokens": amount.tokens,
                }
            )
    return lines


def fractions(shares: tuple[Share, ...]) -> list[dict[str, str | float]]:
    """Return per split and source its fraction in examples, tokens and trainable tokens."""
    lines: list[dict[str, str | float]] = []
    for split in SPLITS:
        mine = [share for share in shares if share.split == split]
        totals = {unit: sum(getattr(share, unit) for share in mine) for unit in _UNITS}
        for share in mine:
            parts = {unit: getattr(share, unit) / max(totals[unit], 1) for unit in _UNITS}
            lines.append({"split": split, "source": share.source, **parts})
    return lines


_WORDS: Mapping[Status, str] = {
    "published": "published ·",
    "unchanged": "unchanged since the last build ·",
    "blocked": "BLOCKED:",
    "failed": "failed ·",
}
_UNITS = ("examples", "tokens", "trainable_tokens")


def summary(run: RunReport) -> str:
    """Return a short markdown text: the verdict, what speaks against it, what changed, and the shares."""
    found = verdict(run)
    title = inline(run.report.mixture)
    lines = [f"**{title}** {_WORDS[run.status]} {found.headline} {found.sentence}", ""]
    lines += [f"- ✗ {_judged(signal)}" for signal in signals(run) if signal.level == "fail"]
    lines += [f"- ! {_judged(signal)}" for signal in signals(run) if signal.level == "warn"]
    if run.approval:
        lines.append(f"- approved by {inline(run.approval.by)}: {inline(run.approval.why)}")
    if lines[-1]:
        lines.append("")
    lines += [_changed(run), "", "| split | source | by examples | by tokens | by trainable tokens |"]
    lines.append("|---|---|---:|---:|---:|")
    for row in fractions(run.report.shares):
        parts = " | ".join(f"{row[unit]:.2%}" for unit in _UNITS)
        lines.append(f"| {row['split']} | {inline(str(row['source']))} | {parts} |")
    return "\n".join(lines)


def _judged(signal: Signal) -> str:
    return f"{inline(signal.name)}: {inline(signal.sentence)}"


def _changed(run: RunReport) -> str:
    """Return in a sentence how the version differs from the last good one."""
    named = f"Version `{run.candidate[:12]}`"
    if not run.baseline:
        return f"{named} is the first one."
    if run.baseline == run.candidate:
        return f"{named} is the last good one."
    if not run.changes:
        return f"{named}; the last good one is `{run.baseline[:12]}`."
    changes = run.changes
    moved = f"{changes.added:,} rows added, {changes.removed:,} removed, {changes.changed:,} edited"
    settings = f"; {len(changes.settings)} settings or inputs differ" if changes.settings else ""
    return f"{named} against `{run.baseline[:12]}`: {moved}, {changes.kept:,} kept{settings}."
