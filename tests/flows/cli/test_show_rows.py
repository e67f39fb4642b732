"""Single rows in the terminal: shown as they are, and never obeyed."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from thinkmix.flows.cli.show.show_review import walk
from thinkmix.flows.cli.show.show_rows import show_explanation, show_rejects, show_seen
from thinkmix.flows.inspect.examples import Example, Seen, seen
from thinkmix.flows.inspect.explain import Beside, Explanation
from thinkmix.flows.inspect.rejects import Reject, Rejects
from thinkmix.flows.inspect.rows import Outcome, StageVerdict
from thinkmix.schemas.review import Question

EVIL = (
    "[bold red]loud[/bold red]",
    "[/]",
    "[link=http://evil.example]click[/link]",
    "\\[bold]x\\\\\\",
    ":boom: \x1b[2J\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "a\rb\x08\x7f\x9b31m",
    "\u202edrow\u202c \u2066x\u2069",
    "\ud800 half \u200b zero",
    "%s %n {0} {x!r}",
)


def outcome(words: str) -> Outcome:
    return Outcome(
        id="a" * 32, source="math", file=words, row=3, stage="validate", reason="bad_json", detail=words,
        cluster=None, winner=None, similarity=None, examples=0, sampled=0,
        stages=(StageVerdict(stage="validate", verdict="dropped", says=words),),
    )  # fmt: skip


def explanation(words: str) -> Explanation:
    side = {"jaccard": 0.5, "text": words, "other": words, "whole": True}
    beside = Beside(id="b", relation="mate", text_only=((0, 2),), other_only=((1, 3),), **side)
    return Explanation(
        rows=(outcome(words),),
        mates=(outcome(words),),
        comparison=None,
        text=words,
        found=words,
        beside=(beside,),
    )


def listed(words: str) -> Rejects:
    row = Reject(id="a", source="math", file=words, row=1, stage="s", reason="r", detail=words, content=words)
    return Rejects(version="v", total=1, reasons={"r": 1}, rows=(row,))


def trained(words: str) -> Seen:
    example = Example(
        id=words, split="train", copies=1, turn=1, thinking=True, prompt=words,
        completion=f"<think>\n{words}\n</think>\n\n{words}", prompt_tokens=1, completion_tokens=2,
    )  # fmt: skip
    return Seen(row=outcome(words), says=words, examples=(example,))


@pytest.mark.parametrize("colour", [None, "truecolor"])
@pytest.mark.parametrize("string", EVIL)
def test_nothing_in_a_row_steers_the_terminal(string: str, colour):
    """Of escape codes only our own colours come out, however markup, codes and formats are written."""
    out = StringIO()
    console = Console(file=out, width=200, color_system=colour, force_terminal=colour is not None)
    show_explanation(explanation(string), console)
    show_rejects(listed(string), console, grep="o")
    show_rejects(listed(string), console)
    show_seen(trained(string), console)
    said = out.getvalue()
    codes = said.split("\x1b")[1:]
    assert all(code[0] == "[" and code[1:].partition("m")[0].replace(";", "").isdigit() for code in codes)
    assert colour or not codes
    assert [char for char in said if not (char.isprintable() or char in "\n\x1b")] == []
    if not colour:
        visible = "".join(
            char
            if char.isprintable()
            else f"\\x{ord(char):02x}"
            if ord(char) < 256
            else f"\\u{ord(char):04x}"
            for char in string
        )
        assert said.count(visible) >= 12


def test_what_carries_no_loss_is_dim_and_what_does_is_bright(version: Path):
    """Prompt dim, trace yellow, answer bright; token ids where they are asked for."""
    import polars as pl  # noqa: PLC0415

    row = pl.scan_parquet(version / "train-*.parquet").filter(source="math").head(1).collect()
    out = StringIO()
    show_seen(
        seen(version, row["conversation_id"][0], ids=True),
        Console(file=out, width=100, color_system="standard", force_terminal=True),
    )
    said = out.getvalue()
    prompt, _, completion = said.partition("carries the loss")
    assert "\x1b[2m" in prompt
    assert "\x1b[2m" not in completion
    assert "\x1b[33m" in completion  # the trace
    assert "\x1b[1;97m" in completion  # the answer
    assert "151644" in prompt  # <|im_start|>
    assert "151645" in completion  # <|im_end|>


@pytest.mark.parametrize("width", [50, 120])
def test_long_common_text_is_cut_around_the_difference(width: int):
    """The differing words are shown with some words around them, however wide the terminal is."""
    same = " ".join(f"w{n}" for n in range(300))
    text, other = f"{same} left {same}", f"{same} right {same}"
    at = len(same) + 1
    beside = Beside(
        id="b", relation="winner", jaccard=0.9, text=text, other=other, whole=False,
        text_only=((at, at + 4),), other_only=((at, at + 5),),
    )  # fmt: skip
    out = StringIO()
    shown = explanation("x").model_copy(update={"beside": (beside,), "text": None})
    show_explanation(shown, Console(file=out, width=width))
    said = out.getvalue()
    assert "[-left-]" in said
    assert "{+right+}" in said
    assert "w150" not in said
    assert "both texts go on" in said


@pytest.mark.parametrize("string", [string for string in EVIL if "\ud800" not in string])
def test_a_walk_obeys_keys_and_no_row(string: str):
    """A row that is asked about cannot steer the terminal either."""
    question = Question(
        id="a" * 32, source="math", reason="near_dup", detail=string, file=string, row=1, text=string,
        instead=f"{string} now", version="0" * 64, seed=1, each=1,
    )  # fmt: skip

    class Asked:
        def questions(self) -> list[Question]:
            return [question]

    out = StringIO()
    assert walk(Asked(), Console(file=out, width=200), iter("mq").__next__) == 0
    assert [char for char in out.getvalue() if not (char.isprintable() or char == "\n")] == []
