"""What a person reads in the terminal about an export."""

from pathlib import Path

from rich.console import Console

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


def show_export(told: Export, output: Path, command: str | None, console: Console) -> None:
    """Print what was written, what the form cannot hold, what its trainer does otherwise, and the command."""
    digest = ("dim", told.mixture_digest[:12])
    checked = f" as {told.exporter}; every row was read back and says what the version says"
    say(console, f"\nexported {told.mixture} ", digest, checked)
    rows = []
    for (name, entry), counts in zip(told.files.items(), told.splits.values(), strict=True):
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
    say(console, f"left out  {', '.join(told.left_out)} (export.json says why)")
    for remark in told.remarks:
        say(console, f"note      {remark}")
    say(console, f"export    {output}")
    if command:
        say(console, f"train     {command}")
