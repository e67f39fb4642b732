"""What a person reads in the terminal about an export."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from thinkmix.curation.export.differences import BY_RULE, Identity
from thinkmix.curation.export.record import Export
from thinkmix.flows.cli.show.printing import say, table
from thinkmix.flows.system.progress import size

_COLUMNS = (
    "file",
    ">rows",
    ">messages",
    ">traces",
    ">calls",
    ">prompt tokens",
    ">completion tokens",
    ">size",
)


def show_export(
    told: Export, output: Path, command: str | None, identities: Sequence[Identity], console: Console
) -> None:
    """Print what was written and compared, what the form cannot hold, and the command.

    Args:
        told: the manifest of the export.
        output: its folder.
        command: what trains on it; None without rows to train on.
        identities: what `--verify` found.
        console: where it is printed.
    """
    digest = ("dim", told.mixture_digest[:12])
    checked = f" as {told.exporter}; every row was read back and says what the version says"
    say(console, f"\nexported {told.mixture} ", digest, checked)
    rows = []
    data = ((name, entry) for name, entry in told.files.items() if entry.rows is not None)
    for (name, entry), counts in zip(data, told.splits.values(), strict=True):
        numbers = (
            counts.examples,
            counts.messages,
            counts.traces,
            counts.calls,
            counts.prompt_tokens,
            counts.completion_tokens,
        )
        rows.append((name, *(f"{number:,}" for number in numbers), size(entry.bytes)))
    table(console, _COLUMNS, rows)
    if beside := [name for name, entry in told.files.items() if entry.rows is None]:
        say(console, f"beside    {', '.join(beside)}")
    say(console, f"left out  {', '.join(told.left_out)} (export.json says why)")
    for remark in told.remarks:
        say(console, f"note      {remark}")
    for identity in identities:
        _show_identity(identity, console)
    say(console, f"export    {output}")
    if command:
        say(console, f"train     {command}")


def _show_identity(found: Identity, console: Console) -> None:
    """Print how many rows of a split a trainer reads as we do, and the first ones that it does not."""
    by = "the trainer's rule" if found.by == BY_RULE else found.by
    line_break = "" if found.line_break else ", but for the line break after the end token, which is left out"
    told = (
        f"verify    {found.split} by {by}: {found.identical:,} of {found.rows:,} rows have our ids and labels"
        f"{line_break}; {found.stop_trained:,} of {found.read:,} train their end token"
    )
    say(console, told)
    for row in found.differences:
        where = "" if row.token is None else f", token {row.token}"
        say(console, f"          row {row.row} {row.id}{where}: {row.problem}")
    if (more := found.rows - found.identical - len(found.differences)) > 0:
        say(console, f"          and {more:,} more")
