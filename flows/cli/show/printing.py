"""Lines and tables on a terminal: what rows and files say is shown literally, and steers nothing."""

from collections.abc import Iterable, Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

Piece = str | tuple[str, str] | Text
"""Plain text, a style with its text, or text that has its styles."""

_LONGEST = 10_000
"""Characters that are wrapped: rich takes 10 s for 300,000 line breaks."""
_ALIGNED: dict[str, JustifyMethod] = {">": "right", "^": "center"}


def say(console: Console, *pieces: Piece, style: str = "", wrap: bool = False) -> None:
    """Print pieces in a line that the terminal breaks, so that it is copied whole; or `wrap` it at words."""
    text = _text(pieces, style, most=_LONGEST if wrap else None)
    console.print(text, soft_wrap=not wrap, emoji=False, highlight=False)


def table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[Piece]]) -> None:
    """Print rows, if there are any; `>` before the name of a column aligns it right, `^` centres it."""
    shown = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns:
        align = _ALIGNED.get(column[:1])
        name = Text(visible(column[1:] if align else column))
        shown.add_column(name, justify=align or "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_text([cell], most=_LONGEST) for cell in row))
    if shown.row_count:
        console.print(shown)


def cut(text: str, most: int = 2000) -> str:
    """Return the beginning of a long text, and how much is missing."""
    more = len(text) - most
    return text if more <= 0 else f"{text[:most]}… {more:,} more characters"


def visible(text: str) -> str:
    """Return text with a code in words in place of every character that would steer a terminal."""
    return "".join(char if char in "\n\t" or char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


def _text(pieces: Iterable[Piece], style: str = "", *, most: int | None) -> Text:
    line = Text(style=style)
    for piece in pieces:
        if isinstance(piece, Text):
            line.append_text(piece)
        else:
            own, text = ("", piece) if isinstance(piece, str) else piece
            line.append(visible(text if most is None else cut(text, most)), own)
    return line
