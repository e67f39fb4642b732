"""The command that lets people judge a version's rows, and says what their verdicts mean."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, VersionArgument, app, console, say, say_json


@app.command(epilog="Example: thinkmix review build/store/sample-7-3 --walk")
def review(
    version: VersionArgument,
    file: Annotated[
        Path | None, typer.Argument(help="With --score: a filled-in file; its verdicts are stored first.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write the sampled rows as lines of JSON, to be filled in.", dir_okay=False
        ),
    ] = None,
    walk: Annotated[
        bool, typer.Option("--walk", help="Ask about one row after the other; resume where you stopped.")
    ] = False,
    score: Annotated[bool, typer.Option("--score", help="Estimate how often the rules err.")] = False,
    each: Annotated[
        int | None,
        typer.Option("--each", help="Most rows of a source and reason; 20 at first.", min=1, max=10_000),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of sampling; 1 at first.", min=0)] = None,
    who: Annotated[str | None, typer.Option("--who", help="Your name; your user name unless given.")] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="Review the hits of this rule, 50 of each source at first; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sample dropped and kept rows, or the hits of rules, for people to judge, and estimate the errors."""
    from thinkmix.flows.cli.show import show_review as shown
    from thinkmix.flows.inspect import review as reviews
    from thinkmix.flows.store.paths import reading

    if sum((out is not None, walk, score)) > 1 or (file is not None and not score) or (walk and as_json):
        msg = "give one of --out, --walk and --score; a FILE goes with --score, and --walk has no --json"
        raise typer.BadParameter(msg)
    with reading(version) as held:
        folder = held.resolve()  # verdicts are kept under the version's own name, not that of a link to it
        new = reviews.take(folder, file, who=who) if file is not None else 0
        found = reviews.open_review(folder, each=each, seed=seed, rules=rule or ())
        if score:
            scored = found.score()
            if as_json:
                say_json({**scored.model_dump(mode="json"), "new": new})
            else:
                if file is not None:
                    say(f"{new:,} new verdicts from {file}")
                shown.show_score(scored, console())
        elif walk:
            shown.walk(found, console(), _key, who=who)
        elif out is not None:
            questions = found.questions()
            reviews.write_questions(questions, out)
            if as_json:
                say_json({"version": folder.name, "out": str(out), "rows": len(questions)})
            else:
                words = "right, wrong or unsure" if rule else "keep, drop or unsure"
                say(f"{len(questions):,} rows in {out}; fill in {words}, then --score")
        elif as_json:
            say_json([question.model_dump(mode="json") for question in found.questions()])
        else:
            shown.show_plan(found, console())


def _key() -> str:
    """Return the next key, without waiting for the line to end where a person sits; empty at the end."""
    if sys.stdin.isatty():
        return typer.getchar()
    return sys.stdin.read(1)
