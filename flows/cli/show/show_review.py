"""A review in the terminal: what is sampled, row after row for a verdict, and the rates that follow."""

from collections.abc import Callable, Sequence

from rich.console import Console

from thinkmix.curation.audit.worddiff import word_diff
from thinkmix.flows.cli.show.printing import cut, say, table
from thinkmix.flows.cli.show.show_rows import side_by_side
from thinkmix.flows.inspect.review import Review, answer
from thinkmix.schemas.review import (
    KEPT,
    Opinion,
    Question,
    Rate,
    ReviewScore,
    StratumScore,
    Total,
    opinions_on,
)

_MORE = "b back · m whole text · q quit"
_SHOWN_TEXT = 3000


def show_plan(review: Review, console: Console) -> None:
    """Print how many rows of each stratum are sampled and judged, and how to go on."""
    score = review.score()
    rows = (
        (
            each.source,
            each.reason,
            f"{each.rows:,}",
            f"{each.sampled:,}",
            f"{each.judged:,}",
            f"{each.unsure:,}",
        )
        for each in score.strata
    )
    table(console, ("source", "reason", ">rows", ">sampled", ">judged", ">unsure"), rows)
    sampled = sum(stratum.sampled for stratum in score.strata)
    say(
        console,
        f"{sampled:,} rows are sampled, at most {review.each} of each stratum, by seed {review.seed}.",
    )
    say(console, "--walk asks about them here, --out FILE writes them to be filled in, --score estimates.")


def walk(review: Review, console: Console, key: Callable[[], str], *, who: str | None = None) -> int:
    """Ask about the sampled rows that nobody has judged, and store each verdict at once.

    Args:
        review: the sampled rows.
        console: where rows are shown.
        key: returns the next key that is pressed; empty at the end of the input.
        who: the reviewer; unset means the user of this process.

    Returns:
        How many verdicts were given.
    """
    questions = review.questions()
    asked = _open(questions)
    given, place = 0, 0
    while place < len(asked):
        question = asked[place]
        _show_question(question, f"{place + 1} of {len(asked)}", console)
        pressed = _press(question, console, key)
        if pressed == "q":
            break
        if pressed == "b":
            place = max(0, place - 1)
            continue
        opinion = _keys(question)[pressed]
        answer(review.rows.version, question, opinion, who=who)
        say(console, f"  {opinion}", style="dim")
        given, place = given + 1, place + 1
    left = len(asked) - place
    say(console, f"{given:,} verdicts stored, {left:,} rows left{' to ask about later' if left else ''}")
    if lost := sum(question.text is None for question in questions):
        say(
            console,
            f"{lost:,} sampled rows cannot be asked about: the files that hold them are not here any more",
        )
    return given


def show_score(score: ReviewScore, console: Console) -> None:
    """Print the estimated rates over all, then stratum by stratum."""
    if not score.reviewers:
        say(console, "nobody has judged any of the sampled rows yet; thinkmix review VERSION --walk asks")
    for name, total in (("dropped in error", score.false_drop), ("kept in error", score.false_keep)):
        _show_total(name, total, console)
    columns = ("source", "reason", ">rows", ">judged", ">unsure", ">wrong", ">rate", ">95 %")
    table(console, columns, map(_stratum_row, score.strata))
    for one in score.rules:
        say(console, one.says)
    if score.reviewers:
        reused = f"; {score.reused:,} verdicts were given on other versions" if score.reused else ""
        sample = f"at most {score.each} of each stratum were sampled, by seed {score.seed}"
        say(console, f"judged by {', '.join(score.reviewers)}{reused}; {sample}", style="dim")


def _stratum_row(stratum: StratumScore) -> tuple[str, ...]:
    judged = f"{stratum.judged}/{stratum.sampled}"
    rates = (f"{stratum.rate.estimate:.1%}", _interval(stratum.rate)) if stratum.rate else ("", "")
    counts = (f"{stratum.rows:,}", judged, f"{stratum.unsure}", f"{stratum.wrong}")
    return (stratum.source, stratum.reason, *counts, *rates)


def _open(questions: Sequence[Question]) -> list[Question]:
    """Return the questions that have a text and no verdict, each row and reason once."""
    asked = {(question.id, question.reason): question for question in reversed(questions)}
    once = {id(question) for question in asked.values()}
    return [
        question for question in questions if id(question) in once and question.text and not question.verdict
    ]


def _press(question: Question, console: Console, key: Callable[[], str]) -> str:
    """Return the next key that means something; the end of the input quits."""
    words = (f"{key} {opinion}" for key, opinion in _keys(question).items())
    prompt = " · ".join([*words, _MORE])
    say(console, prompt, style="bold cyan")
    while True:
        pressed = key().lower()
        if pressed in ("", "\x03", "\x04"):
            return "q"
        if pressed == "m":
            say(console, question.text or "")
            say(console, prompt, style="bold cyan")
        elif pressed in (*_keys(question), "b", "q"):
            return pressed


def _keys(question: Question) -> dict[str, Opinion]:
    """Return the keys that are verdicts on a row: the first letters of what may be said of it."""
    return {opinion[0]: opinion for opinion in opinions_on(question.reason)}


def _show_question(question: Question, place: str, console: Console) -> None:
    kept = question.reason == KEPT
    say(
        console,
        "\n",
        ("bold", place),
        f" · {question.source} · ",
        ("green" if kept else "red", question.reason),
        f" · {question.id[:12]} · {question.file} row {question.row}",
    )
    say(
        console,
        f"  {question.meaning}{f' ({cut(question.detail, 300)})' if question.detail else ''}",
        style="dim",
    )
    say(console, question.words or cut(question.text or "", _SHOWN_TEXT))
    if question.instead is not None and question.instead != question.text:
        say(console, "\nbeside the row that stays instead", style="bold")
        console.print(side_by_side(word_diff(question.text or "", question.instead), console))


def _show_total(name: str, total: Total, console: Console) -> None:
    if total.rate is None:
        return
    say(
        console,
        ("bold", f"{name}: {total.rate.estimate:.1%}"),
        f" of {total.covered:,} rows, 95 % interval {_interval(total.rate)}, "
        f"from {total.wrong:,} of {total.judged:,} judged rows",
    )
    if total.covered < total.rows:
        left = total.rows - total.covered
        say(console, f"  this does not speak of {left:,} rows in strata where nobody judged any", style="dim")


def _interval(rate: Rate) -> str:
    return f"{100 * rate.low:.1f}–{rate.high:.1%}"
