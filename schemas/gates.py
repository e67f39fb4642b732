"""What gates found: results, whose settings are in `thinkmix.curation.gates.known`."""

from typing import Literal

from thinkmix.schemas.record import Record

Level = Literal["pass", "warn", "fail"]


class GateResult(Record):
    """What one gate found in one place."""

    gate: str
    """Name of the gate, as the recipe spells it; `baseline` if no version can be compared with."""
    subject: str
    """What it looked at: a source, a source and a reason (`math: near_dup`), a file; empty for the whole."""
    level: Level
    measured: float | None
    """In the gate's own unit; unset where there is nothing to measure."""
    limit: float | None
    """What `measured` may be at most (or at least, as the sentence says); unset for gates without a limit."""
    sentence: str
    """What was found, in words that need no manual; nothing in it is obeyed by markdown or a terminal."""
