"""Every repair that a recipe may ask for: one that joins is one import and one line here."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from thinkmix.curation.repairs import cut_trace, entities, foreign_markers, next_speaker, zero_width
from thinkmix.curation.repairs.contract import Repair, mended
from thinkmix.schemas.mending import Mend

REPAIRS: tuple[Repair, ...] = (
    zero_width.REPAIR,
    entities.REPAIR,
    foreign_markers.REPAIR,
    cut_trace.REPAIR,
    next_speaker.REPAIR,
)
"""Every repair, in the order in which they are made."""

_NAMES = tuple(repair.name for repair in REPAIRS)
EVERY = "all"


def _listed(stated: object) -> object:
    """Return what a recipe states as the names of repairs, in the order in which they are made.

    Raises:
        ValueError: naming the repairs that there are.
    """
    if stated is False or stated == "off":
        return ()
    named = [stated] if isinstance(stated, str) else stated
    if not isinstance(named, list | tuple) or not all(isinstance(name, str) for name in named):
        msg = f"it is {EVERY!r}, or a list of repairs: {', '.join(_NAMES)}"
        raise ValueError(msg)
    if unknown := [name for name in named if name not in (*_NAMES, EVERY)]:
        msg = f"there is no repair {unknown[0]!r:.80}; the repairs are {', '.join(_NAMES)}, or {EVERY!r}"
        raise ValueError(msg)
    return tuple(name for name in _NAMES if name in named or EVERY in named)


Repairs = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    Field(max_length=64),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": [EVERY]},
                {
                    "type": "array",
                    "items": {"type": "string", "enum": list(_NAMES)},
                    "maxItems": len(_NAMES),
                    "uniqueItems": True,
                },
            ]
        }
    ),
]
"""Names of repairs: `[entities, cut_trace]`, or `all`."""


def named(names: Sequence[str]) -> tuple[Repair, ...]:
    """Return repairs by their names, in the order in which they are made."""
    return tuple(repair for repair in REPAIRS if repair.name in names)


def mend_of(names: Sequence[str]) -> Mend | None:
    """Return what makes the named repairs in a text while it is read; None without names."""
    return partial(mended, named(names)) if names else None
