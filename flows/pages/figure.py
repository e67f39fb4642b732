"""A figure of a page: a chart, what it shows in a sentence, and its numbers as a table."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """A chart with its words and numbers."""

    title: str
    note: str
    picture: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: str = ""
    """Whose figure it is; empty for one of several sources."""
    fits: tuple[tuple[str, str], ...] = ()
    """Context length and the part of the examples that fits it."""
