"""Judges one version beside the last good one by every gate of its recipe."""

from typing import Protocol

from thinkmix.curation.gates.contract import Asked
from thinkmix.curation.gates.known import Gates
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.report import Report


class Gated(Asked, Protocol):
    """What a recipe asks of a version, and the limits that it sets."""

    @property
    def gates(self) -> Gates:
        """The limits."""


def judge(report: Report, before: Report | None, recipe: Gated) -> tuple[GateResult, ...]:
    """Return what every gate found that is not off, in the order of the gates and of the sources.

    Args:
        report: metrics of the version that was built.
        before: metrics of the last good one; without it only gates that compare nothing find anything.
        recipe: what the version was asked to be, and the limits.
    """
    on = (gate for gate in recipe.gates.all() if gate.action != "off")
    return tuple(result for gate in on for result in gate.judge(report, before, recipe))
