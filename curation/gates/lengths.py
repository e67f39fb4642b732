"""Lengths of a source's examples beside those of the last good build."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from thinkmix.curation.gates.contract import Asked, Gate
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import LengthView, Report


class Lengths(Gate):
    """How long the examples of a source are, in tokens: the PSI over the bins of the report's histogram."""

    name: ClassVar[str] = "lengths"

    psi: float = Field(default=0.2, ge=0, le=100)
    """Population stability index; by custom 0.1 is a little and 0.2 is a lot."""

    def judge(self, report: Report, before: Report | None, recipe: Asked) -> Iterator[GateResult]:
        """Compare how long the examples of each source are; other bins cannot be compared."""
        old = {} if before is None else {view.source: view for view in before.lengths}
        for view in report.lengths:
            was = old.get(view.source)
            if was is not None and was.edges == view.edges:
                moved = _psi(was, view)
                sentence = (
                    f"{view.source}: the lengths of its examples moved by a PSI of {moved:.3g} "
                    f"(median {was.median:,} → {view.median:,} tokens); the limit is {self.psi:g}"
                )
                yield self.found(view.source, moved, self.psi, sentence)


def _psi(was: LengthView, now: LengthView) -> float:
    """Return how far lengths moved; the same ones, as in a run without a change, need no numpy."""
    if was.histogram == now.histogram:
        return 0.0
    from thinkmix.curation.gates.stability import psi  # noqa: PLC0415

    return psi(was.histogram, now.histogram)
