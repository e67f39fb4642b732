"""What a person reads in the terminal about a version or a row."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.explain import Explanation, Fate, sentence
from flows.store import MANIFEST
from flows.summary import fractions
from schemas.manifest import Manifest
from schemas.report import Report

_SHOWN_TEXT = 1200


def version_facts(version: Path) -> dict[str, object]:
    """Return what a machine wants to know of a version: where it lies, its shares, whether it is good."""
    report = Report.model_validate_json((version / "report.json").read_bytes())
    manifest = Manifest.model_validate_json((version / MANIFEST).read_bytes())
    return {
        "mixture": manifest.mixture,
        "version": version.name,
        "path": str(version),
        "report": str(version / "report.html"),
        "good": all(check.passed for check in report.checks),
        "checks": [check.model_dump() for check in report.checks],
        "shares": [share.model_dump() for share in manifest.shares],
        "fractions": fractions(manifest.shares),
        "content_sha256": manifest.content_sha256,
    }


def show_version(version: Path, console: Console) -> None:
    """Print a version's shares, what it left out and why, and where it lies."""
    report = Report.model_validate_json((version / "report.json").read_bytes())
    good = all(check.passed for check in report.checks)
    verdict = "[bold green]may be trained on[/]" if good else "[bold red]do not train on it[/]"
    console.print(f"\n[bold]{escape(report.title or report.mixture)}[/]: {verdict}")
    for check in report.checks:
        mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
        console.print(f"  {mark} {escape(check.name)}: {escape(check.detail)}")
    console.print(_shares(report))
    console.print(_losses(report))
    console.print(f"mixture  {version}", soft_wrap=True)
    console.print(f"report   {version / 'report.html'}", soft_wrap=True)


def show_explanation(explanation: Explanation, console: Console) -> None:
    """Print a row's fate, the row that won over it, and what else its cluster holds."""
    for fate in explanation.rows:
        console.print(f"[bold]{fate.id}[/] {_where(fate)}\n  {escape(sentence(fate))}")
    lost = next((fate for fate in explanation.rows if fate.winner), None)
    if lost is not None:
        console.print(f"  stays instead: [bold]{lost.winner}[/], Jaccard {lost.similarity or 0:.3f}")
    if comparison := explanation.comparison:
        console.print(f"  compared texts have Jaccard {comparison.jaccard:.3f}; shared:")
        for passage in comparison.shared:
            console.print(f"    [green]{escape(passage[:_SHOWN_TEXT])}[/]")
    if explanation.mates:
        console.print(f"cluster [bold]{explanation.rows[0].cluster}[/] also holds:")
        for mate in explanation.mates:
            console.print(f"  {mate.id} {_where(mate)}: {escape(sentence(mate))}")
    if explanation.text:
        console.print(f"text:\n{escape(explanation.text[:_SHOWN_TEXT])}")


def _where(fate: Fate) -> str:
    return f"{escape(fate.source)} · {escape(fate.file)} row {fate.row}"


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
