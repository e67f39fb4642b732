"""What the words of a ledger mean, in a sentence; empty for one that this release does not know."""

from thinkmix.curation.repairs.known import REPAIRS
from thinkmix.curation.rules.known import known_reasons, why
from thinkmix.schemas.findings import Finding
from thinkmix.schemas.reasons import Context


def sentence(reason: str) -> str:
    """Return what a reason or a flag means."""
    known = reason in known_reasons() or reason in {repair.name for repair in REPAIRS}
    return why(reason).sentence if known else ""


def finding_meaning(word: str) -> str:
    """Return what a finding means."""
    return Finding(word).sentence if word in list(Finding) else ""


def context(reason: str) -> str:
    """Return why a turn is context."""
    return Context(reason).sentence if reason in list(Context) else ""
