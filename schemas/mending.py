"""How texts of a row are repaired while it is read: a function that the reader is given, and what it did."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from thinkmix.schemas.conversation import Role

Kind = Role | Literal["trace"]
"""Whose text it is: a turn's, or the trace of an answer that stands in a column of its own."""


class Patch(NamedTuple):
    """One stretch of a text that a repair replaced; replacing `after` by `before` there takes it back."""

    repair: str
    """Name of the repair."""
    message: int
    """Which turn of the row, counted from 0 as the row writes them."""
    kind: Kind
    """Whose text."""
    start: int
    """Character at which it begins in the text as this repair leaves it; earlier patches are in place."""
    before: str
    after: str


Mend = Callable[[Kind, str, Sequence[Mapping[str, Any]]], tuple[str, Sequence[Patch]]]
"""Takes whose text it is, the text, and the turns before it; returns the text repaired, and the patches."""
