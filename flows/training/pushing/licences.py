"""What the licences of sources allow: a mixture is made from their rows, and a push hands it to others."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from thinkmix.schemas.manifest import SourceEntry

Allows = Literal["sharing", "non_commercial", "nothing", "unknown"]

_SHARING = (
    "apache", "mit", "bsd", "cc0", "cc-by-4.0", "cc-by-3.0", "cc-by-sa", "cc-by-2", "odc-by", "odbl", "pddl",
    "unlicense", "isc", "mpl", "cdla", "gpl", "lgpl", "agpl", "openrail", "bigscience", "zlib", "0bsd",
)  # fmt: skip
"""How names of licences begin that let changed copies be passed on, under their conditions."""

_NOTHING = (
    "noderiv",
    "no-deriv",
    "proprietary",
    "all-rights-reserved",
    "no-redistribution",
    "research-only",
)
"""What names of licences hold that let no changed copy be passed on; the word `nd` says so, too."""


class Standing(NamedTuple):
    """What the licence of one source allows."""

    source: str
    licence: str | None
    allows: Allows


def standings(sources: Iterable[SourceEntry]) -> tuple[Standing, ...]:
    """Return what the licence of each source allows, by its name; SPDX ids and the hub's ids are known."""
    return tuple(Standing(source.name, source.licence, _allows(source.licence)) for source in sources)


def _allows(licence: str | None) -> Allows:
    # People write `CC BY-ND 4.0`, the hub `cc-by-nd-4.0`.
    name = "-".join((licence or "").casefold().replace("_", " ").replace("-", " ").split())
    words = name.split("-")
    if "nd" in words or any(known in name for known in _NOTHING):
        return "nothing"
    if "nc" in words or "non-commercial" in name or "noncommercial" in name:
        return "non_commercial"
    parts = name.replace("-and-", ",").replace(";", ",").split(",")
    return "sharing" if all(_lets_share(part.strip("-")) for part in parts) else "unknown"


def _lets_share(name: str) -> bool:
    """Return whether a name is that of a licence that is known to let changed copies be passed on."""
    return any(name.startswith(known) and not name[len(known) :][:1].isalpha() for known in _SHARING)


def refusal(found: Iterable[Standing], *, public: bool) -> str | None:
    """Return why a version may not be pushed, with the way out; None if it may.

    A licence that lets no changed copy be passed on refuses every push. One that is missing or not known
    refuses a public one.
    """
    for source, licence, allows in found:
        if allows == "nothing":
            way = "leave the source out, or ask its owner and state the licence that you were given"
            return f"the licence of source {source} ({licence}) lets nobody pass on changed copies; {way}"
        if allows == "unknown" and public:
            said = (
                f"the licence of source {source} ({licence}) is not known here"
                if licence
                else (f"source {source} states no licence")
            )
            return f"{said}; state it in the recipe as `licence:`, or leave --public out"
    return None
