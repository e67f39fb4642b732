"""One row's answer beside what its source says that the answer is."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from thinkmix.curation.answers.asked import is_not_as_asked, is_open
from thinkmix.curation.answers.compare import Compared, compare, is_reference
from thinkmix.curation.answers.find import Stated
from thinkmix.curation.answers.statuses import AGREE, DISAGREE, NO_REFERENCE, NONE, SEVERAL, UNPARSEABLE

Compare = Callable[[str, str], Compared]


class Checked(NamedTuple):
    """How the answer of a row is to the reference."""

    status: int
    """Place in `STATUSES`."""
    stated: Stated | None = None
    """The answer that counts, the last one."""
    why: str = ""
    """Why that is not known, in words."""


def check(
    stated: Sequence[Stated], reference: str | None, question: Callable[[], bytes], decide: Compare = compare
) -> Checked:
    """Return how the answers of a row are to what the source says that the answer is.

    The last answer counts. It is `several` if an earlier one agrees and the last does not.

    Args:
        stated: the answers of the row, in their order.
        reference: what the source says that the answer is; None if it says nothing.
        question: returns the text of the question in lower case.
        decide: compares an answer with the reference.
    """
    last = stated[-1] if stated else None
    if reference is None or not is_reference(reference):
        return Checked(NO_REFERENCE, last, "the source names no answer")
    if last is None:
        return Checked(NONE, None, "no final answer is stated")
    found = decide(last.text, reference)
    if found.relation != "agree" and len(stated) > 1:
        found, status = _of_several(stated, reference, found, decide)
        if status is not None:
            return status
    if found.relation == "agree":
        why = is_not_as_asked(question(), last.text, reference)
        return Checked(UNPARSEABLE if why else AGREE, last, why)
    if found.relation == "disagree" and not is_open(question()):
        return Checked(DISAGREE, last)
    return Checked(UNPARSEABLE, last, found.why or "the question asks for a proof or has other right answers")


def _of_several(
    stated: Sequence[Stated], reference: str, last: Compared, decide: Compare
) -> tuple[Compared, Checked | None]:
    """Return what several answers are together, or that one of them alone is right."""
    together = decide(", ".join(one.text for one in stated), reference)
    if together.relation == "agree":
        return together, None
    others = [decide(one.text, reference) for one in stated[:-1]]
    if any(one.relation == "agree" for one in others):
        return last, Checked(SEVERAL, stated[-1], f"{len(stated)} different answers are stated, one is right")
    return next((one for one in others if one.relation == "unclear"), last), None
