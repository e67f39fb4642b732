"""What the words of a ledger mean, in a sentence; empty for one that this release does not know."""

from thinkmix.curation.rules.known import known_reasons, why
from thinkmix.schemas.findings import Finding
from thinkmix.schemas.reasons import Context


def sentence(reason: str) -> str:
    """Return what a reason means."""
    return why(reason).sentence if reason in known_reasons() else ""


def finding_meaning(word: str) -> str:
    """Return what a finding means."""
    return Finding(word).sentence if word in list(Finding) else ""


def context(reason: str) -> str:
    """Return why a turn is context."""
    return Context(reason).sentence if reason in list(Context) else ""
