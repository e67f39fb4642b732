"""What was repaired in a row, as its flags: the name of each repair, how many places, and the first."""

from collections.abc import Sequence
from itertools import groupby

from thinkmix.curation.rules.contract import Evidence, Verdict
from thinkmix.schemas.mending import Patch
from thinkmix.schemas.plain import plain

_SHOWN = 60


def flags_of(patches: Sequence[Patch]) -> list[tuple[str, Verdict]]:
    """Return the flags of a row with these patches, in the order of the names."""
    by_name = sorted(patches, key=lambda patch: patch.repair)
    return [(name, _verdict(list(made))) for name, made in groupby(by_name, key=lambda patch: patch.repair)]


def _verdict(made: Sequence[Patch]) -> Verdict:
    first = made[0]
    before, after = (plain(repr(text), _SHOWN) for text in (first.before, first.after))
    words = f"{before} became {after} at character {first.start} of the {first.kind} turn {first.message}"
    return Verdict(0, float(len(made)), Evidence(words))
