"""What the licence of a source asks a person to look at before a mixture is used or passed on."""

_SEPARATORS = str.maketrans("_/ ,()", "------")


def caution(licence: str | None) -> str:
    """Return what to look at, in words that follow the name of a licence; empty if nothing is known.

    Words are read, not the text of a licence: an unknown name has no caution, which permits nothing.

    Args:
        licence: SPDX id or words, as a recipe states it.
    """
    if not licence or licence.strip().lower() in {"unknown", "none", "noassertion", "other"}:
        return "states no licence, so nobody is known to be allowed to use or pass on its rows"
    words = licence.lower().translate(_SEPARATORS).split("-")
    joined = "-".join(words)
    limits = []
    if "nc" in words or "noncommercial" in words or "non-commercial" in joined or "research-only" in joined:
        limits.append("forbids commercial use")
    if "nd" in words or "noderivatives" in words or "noderivs" in words or "no-derivatives" in joined:
        limits.append("forbids passing on derivatives, which a mixture is")
    return " and ".join(limits)
