"""Which source limits a mixture: most of what it has is sampled."""

from collections.abc import Sequence
from fractions import Fraction

from thinkmix.curation.gates.results import count_of, percent
from thinkmix.schemas.manifest import Share
from thinkmix.schemas.report import Report

_ALIKE = 0.8
"""Sources limit a mixture together if so large a part of each is sampled, beside that of the scarcest."""

_NAMED = 3


def drawn_from(report: Report) -> list[Share]:
    """Return what the sources with a share brought into train."""
    return [share for share in report.shares if share.split == "train" and share.declared and share.available]


def scarcest(report: Report) -> list[Share]:
    """Return the sources that limit the mixture, the scarcest first: most of what they have is sampled."""
    parts = {share.source: Fraction(share.examples, share.available) for share in drawn_from(report)}
    most = max(parts.values(), default=Fraction(0))
    scarce = [share for share in drawn_from(report) if most and parts[share.source] >= _ALIKE * most]
    return sorted(scarce, key=lambda share: (-parts[share.source], share.source))


def limits(scarce: Sequence[Share]) -> str:
    """Return in words which sources limit the mixture."""
    first, *others = scarce
    sampled = f"{first.examples:,} of its {count_of(first.available, 'example')} sampled to train"
    said = f"{first.source} limits the mixture, with {sampled} for a share of {percent(first.declared)}"
    if not others:
        return said
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"{said} (nearly as scarce: {', '.join(share.source for share in others[:_NAMED])}{more})"
