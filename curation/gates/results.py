"""What gates find, in words: results whose sentences can be shown anywhere, however columns are named."""

from collections.abc import Iterable

from thinkmix.curation.gates.settings import Gate
from thinkmix.schemas.gates import GateResult

SHOWN = 60

_DIGITS = 9  # rounding takes away what binary fractions add, so that a limit itself is never beyond the limit
_HARMLESS = frozenset(" _-|(){}:,'=")


def gate_result(
    gate: str, subject: str, settings: Gate, measured: float | None, limit: float | None, sentence: str
) -> GateResult:
    """Return what a gate found: it is broken if `measured` is more than `limit`."""
    measured = None if measured is None else round(measured, _DIGITS)
    broken = measured is not None and limit is not None and measured > limit
    return GateResult(
        gate=gate,
        subject=subject,
        level=settings.level(broken),
        measured=measured,
        limit=limit,
        sentence=sentence,
    )


def worst(results: Iterable[GateResult], calm: GateResult) -> list[GateResult]:
    """Return the results that are no pass; if all are, the one with the largest measure, or `calm`."""
    listed = [calm, *results]
    broken = [result for result in listed if result.level != "pass"]
    return broken or [max(listed, key=lambda result: result.measured or 0.0)]


def percent(fraction: float) -> str:
    """Return a fraction as people read it: `12 %`, `0.5 %`."""
    return f"{100 * fraction:.3g} %" if fraction < 1 else f"{100 * fraction:,.0f} %"


def points(number: float) -> str:
    """Return percentage points as people read them."""
    return f"{number:.3g} {'point' if number == 1 else 'points'}"


def count_of(number: int, noun: str) -> str:
    """Return how many there are of something, as people read it: `1 row`, `1,200 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def quote_name(name: str, length: int = SHOWN) -> str:
    """Return a name out of a file, cut, and without what markdown, a chat or a terminal would obey."""
    shown = "".join(char if char.isalnum() or char in _HARMLESS else "·" for char in name)
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"
