"""A build in a few lines: for the scheduler's artifacts, for a terminal and for chat messages."""

from curation.mix import SPLITS
from schemas.ledger import Ledger
from schemas.manifest import Share
from schemas.run import RunReport


def ledger_table(ledger: Ledger) -> list[dict[str, str | int]]:
    """Return one line per stage, source and fate: `reason` is `kept` for what went on."""
    lines: list[dict[str, str | int]] = []
    for count in ledger.stages:
        fates = {"kept": count.kept, **count.dropped}
        for reason, amount in fates.items():
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


_UNITS = ("examples", "tokens", "trainable_tokens")


def summary(told: RunReport) -> str:
    """Return a short markdown text: what became of a build, what speaks against it, its shares."""
    words = {
        "published": "published",
        "unchanged": "unchanged since the last build",
        "held": "HELD: the version before it stays current",
        "failed": "failed",
    }
    lines = [f"**{told.report.mixture}** {words[told.status]} · `{told.candidate[:12]}`", ""]
    lines += [f"- ✗ {sentence}" for sentence in told.failures]
    lines += [f"- ! {sentence}" for sentence in told.warnings]
    lines += [
        "",
        "| split | source | by examples | by tokens | by trainable tokens |",
        "|---|---|---:|---:|---:|",
    ]
    for row in fractions(told.report.shares):
        parts = " | ".join(f"{row[unit]:.2%}" for unit in _UNITS)
        lines.append(f"| {row['split']} | {row['source']} | {parts} |")
    return "\n".join(lines)
