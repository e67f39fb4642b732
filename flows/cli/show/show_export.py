"""What a person reads in the terminal about an export."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from thinkmix.curation.export.record import Export
from thinkmix.flows.cli.show.show import plain
from thinkmix.flows.system.progress import size


def show_export(told: Export, output: Path, command: str | None, console: Console) -> None:
    """Print what was written, what the form cannot hold, what its trainer does otherwise, and the command."""
    console.print(
        f"\nexported {plain(told.mixture)} [dim]{told.mixture_digest[:12]}[/] as {plain(told.exporter)}; "
        "every row was read back and is what the version says"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in (
        "file",
        "rows",
        "messages",
        "traces",
        "calls",
        "prompt tokens",
        "completion tokens",
        "size",
    ):
        table.add_column(title, justify="left" if title == "file" else "right", header_style="dim")
    for (name, entry), counts in zip(told.files.items(), told.splits.values(), strict=True):
        numbers = (
            counts.examples,
            counts.messages,
            counts.traces,
            counts.calls,
            counts.prompt_tokens,
            counts.completion_tokens,
        )
        table.add_row(plain(name), *(f"{number:,}" for number in numbers), size(entry.bytes))
    console.print(table)
    console.print(f"left out  {plain(', '.join(told.left_out))} (why: export.json)", soft_wrap=True)
    for remark in told.remarks:
        console.print(f"note      {plain(remark)}", soft_wrap=True)
    console.print(f"export    {plain(str(output))}", soft_wrap=True)
    if command:
        console.print(f"train     {plain(command)}", soft_wrap=True)
