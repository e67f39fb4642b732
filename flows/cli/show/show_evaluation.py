"""An evaluation on a terminal."""

from pathlib import Path

from rich.console import Console

from thinkmix.flows.cli.show.printing import say, table
from thinkmix.flows.pages.training.evaluation import PAGE, Evaluation, verdict


def show_evaluation(told: Evaluation, folder: Path, console: Console) -> None:
    """Print what came of it, and where the page lies."""
    found = verdict(told)
    say(console, found.headline, style="bold")
    say(console, found.sentence, wrap=True)
    table(
        console,
        ("benchmark", "subset", "metric", ">rows", ">score"),
        [(one.benchmark, one.subset, one.metric, str(one.rows), f"{one.score:.4f}") for one in told.scores],
    )
    table(
        console,
        ("rows", ">verifiable", ">undecided", ">wins", ">both right", ">both wrong", ">losses", ">p"),
        [
            (
                name or "all",
                *map(str, (one.rows, one.undecided, one.wins, one.both, one.neither, one.losses)),
                f"{one.p:.3g}",
            )
            for name, one in told.verified.items()
        ],
    )
    if told.loss:
        found_loss = told.loss.difference
        say(
            console,
            f"loss  {told.loss.model:.4f} against {told.loss.against:.4f} on {told.loss.rows} rows; by "
            f"{found_loss.value:+.4f} ({found_loss.low:+.4f} to {found_loss.high:+.4f})",
        )
    if told.speed:
        table(
            console,
            ("speed", ">value"),
            [(name, f"{value:.4g}") for name, value in told.speed.figures.items()],
        )
    for note in told.notes:
        say(console, note, wrap=True)
    say(console, f"page  {folder / PAGE}")
