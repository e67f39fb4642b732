"""What the words of a ledger mean, in a sentence; empty for one that this release does not know."""

from collections.abc import Mapping

from thinkmix.curation.repairs.known import REPAIRS
from thinkmix.curation.rules.known import NO_OWN, known_reasons, why
from thinkmix.schemas.findings import Finding
from thinkmix.schemas.reasons import Context


def sentence(reason: str, own: Mapping[str, str] = NO_OWN) -> str:
    """Return what a reason or a flag means; `own` are rules of users' files that the recipe names."""
    known = reason in known_reasons(own) or reason in {repair.name for repair in REPAIRS}
    return why(reason, own).sentence if known else ""


def finding_meaning(word: str) -> str:
    """Return what a finding means."""
    return Finding(word).sentence if word in list(Finding) else ""


def context(reason: str) -> str:
    """Return why a turn is context."""
    return Context(reason).sentence if reason in list(Context) else ""
