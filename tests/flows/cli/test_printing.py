"""Lines and tables on a terminal: aligned, literal, and left out where there is nothing to show."""

from io import StringIO

from rich.console import Console

from thinkmix.flows.cli.show.printing import say, table


def printed(*columns: str, rows: list[tuple[str, ...]], width: int = 60) -> list[str]:
    """Return the lines of a table."""
    out = StringIO()
    table(Console(file=out, width=width), columns, rows)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_columns_are_aligned_as_their_names_say():
    """Words stand left, numbers right under `>`, and marks in the middle under `^`."""
    rows = [("chat", "1,000", "✓"), ("mathematics", "7", "✗")]
    assert printed("source", ">rows", "^fits well", rows=rows) == [
        "source        rows  fits well",
        "chat         1,000      ✓",
        "mathematics      7      ✗",
    ]


def test_cells_are_shown_and_never_obeyed():
    """Markup, emoji names and escape codes in a cell or a name are text."""
    assert printed("[b]", "x", rows=[(":boom:", "\x1b[2J[/]")]) == ["[b]     x", r":boom:  \x1b[2J[/]"]


def test_long_cells_are_folded_and_nothing_is_lost():
    """A cell that is wider than the terminal goes on below."""
    lines = printed("a", "b", rows=[("x" * 30, "y")], width=24)
    assert sum(line.count("x") for line in lines) == 30
    assert sum(line.count("y") for line in lines) == 1


def test_a_table_without_rows_is_left_out():
    """Names of columns alone say nothing."""
    assert printed("source", rows=[]) == []


def test_lines_are_broken_at_words_on_demand_alone():
    """What may be copied stays one line; a sentence is wrapped where it is asked for."""
    out = StringIO()
    console = Console(file=out, width=10)
    say(console, "one two three four")
    say(console, "one two three four", wrap=True)
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "one two three four",
        "one two",
        "three four",
    ]
