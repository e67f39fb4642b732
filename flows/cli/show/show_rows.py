"""What a person reads in the terminal about single rows; what rows say is never obeyed."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from thinkmix.flows.cli.show.printing import cut, say, visible
from thinkmix.flows.inspect.rows import Outcome, sentence
from thinkmix.schemas.conversation import CONTROL_TOKENS

if TYPE_CHECKING:
    from thinkmix.curation.audit.preview import Shown
    from thinkmix.curation.audit.worddiff import Highlight, WordDiff
    from thinkmix.flows.inspect.examples import Example, Seen
    from thinkmix.flows.inspect.explain import Beside, Explanation
    from thinkmix.flows.inspect.flagged import Flagged
    from thinkmix.flows.inspect.rejects import Reject, Rejects

    Rendered = Example | Shown

_SHOWN_TEXT = 2000
_SNIPPET = 160
_PATCHES = 10
_AROUND = 24  # words of common text that are left around a difference
_NARROW = 80
_MARKS = {"passed": ("✓", "green"), "dropped": ("✗", "red"), "not reached": ("·", "dim")}
_THINK_END = "</think>"
_HEAD = "bold cyan"


def show_explanation(explanation: "Explanation", console: Console) -> None:
    """Print every stage's verdict on a row, the rows beside it, and what it says."""
    if explanation.found != "by its id":
        say(console, f"found: {explanation.found}", style="dim")
    for outcome in explanation.rows:
        say(console, ("bold", outcome.id), f"  {_where(outcome)}")
        say(console, f"  {sentence(outcome)}")
        for stage in outcome.stages:
            mark, style = _MARKS[stage.verdict]
            say(console, "  ", (style, f"{mark} {stage.stage:<9}"), stage.says or "not reached")
    for beside in explanation.beside:
        _show_beside(beside, explanation.rows[0].id, console)
    differs = any(beside.text_only or beside.other_only for beside in explanation.beside)
    if (comparison := explanation.comparison) and comparison.shared and differs:
        say(console, "\nshared passages", style="bold")
        for passage in comparison.shared:
            say(console, "  ", ("green", cut(passage)))
    _show_repairs(explanation, console)
    _list("the cluster also holds", explanation.mates, console)
    _list("the same text is in", explanation.others, console)
    if explanation.text:
        say(console, "\nthe row", style="bold")
        say(console, cut(explanation.text))


def _show_repairs(explanation: "Explanation", console: Console) -> None:
    """Print what was repaired in a row, before and after, and the row as it was."""
    if not explanation.repaired:
        return
    say(console, "\nrepaired", style="bold")
    for patch in explanation.repaired[:_PATCHES]:
        before, after = (cut(repr(text), _SNIPPET) for text in (patch.before, patch.after))
        say(console, f"  {patch.repair}, {patch.kind} turn {patch.message}, character {patch.start}: ")
        say(console, "    ", ("red", before), " became ", ("green", after))
    if len(explanation.repaired) > _PATCHES:
        say(console, f"  and {len(explanation.repaired) - _PATCHES:,} more; --json prints all of them")
    if explanation.was:
        say(console, "\nthe row as it was", style="bold")
        say(console, cut(explanation.was))


def show_rejects(rejects: "Rejects", console: Console, *, grep: str | None = None) -> None:
    """Print dropped rows, two lines each, and how many there are for which reason."""
    for row in rejects.rows:
        say(
            console,
            ("bold", row.id[:12]),
            f"  {row.source} · {row.file} row {row.row}  ",
            ("red", row.reason),
        )
        if row.detail:
            say(console, "  ", ("dim", cut(row.detail, _SNIPPET)))
        say(console, "  ", _snippet(row, grep))
    counts = ", ".join(f"{reason} {count:,}" for reason, count in rejects.reasons.items())
    shown = f"{len(rejects.rows):,} of {rejects.total:,} dropped rows" if rejects.rows else "no dropped rows"
    say(console, f"{shown}{': ' if counts else ''}{counts}")


def show_flagged(found: "Flagged", console: Console) -> None:
    """Print rows that a rule flagged, what it found in each and what became of it, and how many there are."""
    for row in found.rows:
        say(console, ("bold", row.id[:12]), f"  {_where(row)}")
        for check in row.checks:
            if check.rule == found.flag:
                say(console, "  ", ("yellow", cut(str(check), _SNIPPET)))
        say(console, "  ", ("dim", cut(sentence(row), _SNIPPET)))
    shown = f"{len(found.rows):,} of {found.total:,}" if found.rows else "no"
    say(console, f"{shown} rows flagged {found.flag}, {found.mixed:,} of them in the mixture")


def show_seen(seen: "Seen", console: Console) -> None:
    """Print prompts dim and completions bright, the trace of reasoning set apart, and token ids if wanted."""
    say(console, ("bold", seen.row.id), f"  {_where(seen.row)}")
    say(console, f"  {seen.says}")
    for example in seen.examples:
        where = f"in {example.split}" if example.split else "not in the mixture; it would be trained so"
        copies = f", {example.copies} times" if example.copies > 1 else ""
        mode = "thinking" if example.thinking else "direct"
        say(console, "\n", ("bold", example.id), f"  {mode}, {where}{copies}")
        _show_prompt(example, console)
        _ids(example.prompt_ids, "dim", console)
        _show_completion(example, console)
        _ids(example.completion_ids, "bold", console)


def show_example(example: "Rendered", console: Console) -> None:
    """Print a prompt dim and its completion bright; of long ones beginning and end."""
    _show_prompt(example, console, most=_SHOWN_TEXT)
    _show_completion(example, console, most=_SHOWN_TEXT)


def _show_prompt(example: "Rendered", console: Console, *, most: int | None = None) -> None:
    say(console, (_HEAD, f"prompt · {example.prompt_tokens:,} tokens · shown, not trained"))
    say(console, *_template(_short(example.prompt, most), "dim"))


def _show_completion(example: "Rendered", console: Console, *, most: int | None = None) -> None:
    say(console, (_HEAD, f"completion · {example.completion_tokens:,} tokens · carries the loss"))
    say(console, *_completion(_short(example.completion, most), thinking=example.thinking))


def _short(text: str, most: int | None) -> str:
    """Return a text without its middle if it is longer than `most`."""
    if most is None or len(text) <= most:
        return text
    return f"{text[: most // 2]}\n… {len(text) - most:,} more characters …\n{text[-(most // 2) :]}"


def side_by_side(diff: "WordDiff", console: Console) -> RenderableType:
    """Return two texts in columns, the words that only one of them has marked; long common text is cut."""
    plain_marks = console.color_system is None  # into a file or a pipe
    left = _marked(diff.left, diff.left_only, "bold red", ("[-", "-]") if plain_marks else ("", ""))
    right = _marked(diff.right, diff.right_only, "bold green", ("{+", "+}") if plain_marks else ("", ""))
    table = Table.grid(expand=True, padding=(0, 2))
    if console.width < _NARROW:
        table.add_row(left)
        table.add_row(Text("─" * 8, style="dim"))
        table.add_row(right)
        return table
    for _ in range(2):
        table.add_column(ratio=1, overflow="fold")
    table.add_row(left, right)
    return table


def _show_beside(beside: "Beside", row_id: str, console: Console) -> None:
    names = {"winner": "the row that stays", "mate": "a row of its cluster", "asked": "the text asked for"}
    other = f" {beside.id[:12]}" if beside.id else ""
    say(
        console,
        "\n",
        ("bold", f"{row_id[:12]} beside {names[beside.relation]}{other}"),
        f"  Jaccard {beside.jaccard:.3f}",
    )
    if not beside.text_only and not beside.other_only and beside.whole:
        say(console, "  the compared texts have the same words:")
        say(console, "  ", ("dim", cut(beside.text, _SNIPPET * 2)))
        return
    console.print(side_by_side(beside.diff(), console))
    if not beside.whole:
        say(console, "  both texts go on", style="dim")


def _marked(text: str, highlights: "Sequence[Highlight]", style: str, marks: tuple[str, str]) -> Text:
    """Return a text with its own words marked, and stretches without any cut in their middle."""
    out, done = Text(), 0
    for start, end in highlights:
        out.append(_gap(text[done:start], first=done == 0))
        out.append(f"{marks[0]}{visible(text[start:end])}{marks[1]}", style)
        done = end
    out.append(_gap(text[done:], first=done == 0, last=True))
    return out


def _gap(text: str, *, first: bool = False, last: bool = False) -> str:
    words = text.split(" ")
    if len(words) > 3 * _AROUND:
        head = [] if first else words[:_AROUND]
        tail = [] if last else words[-_AROUND:]
        if first and last:
            head = words[: 2 * _AROUND]
        words = [*head, "…", *tail]
    return visible(" ".join(words))


def _completion(text: str, *, thinking: bool) -> Iterator[tuple[str, str]]:
    """Yield a completion in pieces: the trace of reasoning, then the answer."""
    trace, end, answer = text.partition(_THINK_END)
    if thinking and end:
        yield from _template(trace + end, "yellow")
        yield from _template(answer, "bold bright_white")
    else:
        yield from _template(text, "bold bright_white")


def _template(text: str, style: str) -> Iterator[tuple[str, str]]:
    """Yield a rendered text with the template's control tokens set apart."""
    while found := [(text.find(token), token) for token in CONTROL_TOKENS if token in text]:
        place, token = min(found)
        yield style, text[:place]
        yield f"{style} magenta", token
        text = text[place + len(token) :]
    yield style, text


def _ids(ids: Sequence[int] | None, style: str, console: Console) -> None:
    if ids is not None:
        say(console, (style, f"ids {' '.join(map(str, ids))}"))


def _snippet(row: "Reject", grep: str | None) -> Text:
    """Return one line of a row: around the text that was searched for, or its beginning."""
    if row.content is None:
        return Text(f"not kept whole; thinkmix explain {row.id[:12]} opens its file", "dim")
    content = " ".join(row.content.split())
    place = content.lower().find(grep.lower()) if grep else -1
    if grep is None or place < 0:
        return Text(visible(cut(content, _SNIPPET)))
    start = max(0, place - _SNIPPET // 3)
    end = place + len(grep)
    out = Text(("…" if start else "") + visible(content[start:place]))
    out.append(visible(content[place:end]), "bold yellow")
    rest = content[end : end + _SNIPPET]
    out.append(visible(rest) + ("…" if end + len(rest) < len(content) else ""))
    return out


def _list(title: str, outcomes: Sequence[Outcome], console: Console) -> None:
    if outcomes:
        say(console, f"\n{title}", style="bold")
    for outcome in outcomes:
        detail = f" ({cut(outcome.detail, _SNIPPET)})" if outcome.detail else ""
        ended = f"{outcome.reason} at {outcome.stage}{detail}" if outcome.reason else sentence(outcome)
        say(console, "  ", ("bold", outcome.id[:12]), f"  {_where(outcome)}: {ended}")


def _where(outcome: Outcome) -> str:
    return f"{outcome.source} · {outcome.file} row {outcome.row}"
