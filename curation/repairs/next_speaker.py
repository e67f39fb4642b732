"""The repair of answers that end with the name of who would speak next: a stop sequence came too late."""

from collections.abc import Sequence

from thinkmix.curation.repairs.contract import Edit, Repair

_NEXT = ("Human:", "User:")
_SPEAKERS = (*_NEXT, "Assistant:", "AI:")
_MARKS = " \t#*"


def edits(text: str, before: str) -> Sequence[Edit]:
    """Take off a last line that says `Human:` or `User:` and nothing else, with the blank lines before it.

    It stays where the text, or one before it, has such lines elsewhere: a dialogue is what was asked for.
    """
    said, _, last = text.rstrip().rpartition("\n")
    kept = said.rstrip()
    if _speaker(last) not in _NEXT or not kept:
        return []
    if any(_begins_a_turn(line) for line in (*kept.split("\n"), *before.split("\n"))):
        return []
    return [Edit(len(kept), len(text), "")]


def _speaker(line: str) -> str:
    """Return a line without the marks of a heading or of bold text: `**Human:**` is `Human:`."""
    return f"{line.strip(_MARKS + ':')}:" if ":" in line else line


def _begins_a_turn(line: str) -> bool:
    name, colon, _ = line.lstrip(_MARKS).partition(":")
    return colon != "" and f"{name.rstrip(_MARKS)}:" in _SPEAKERS


REPAIR = Repair(
    "next_speaker",
    "an answer of it ended with the name of the next speaker, which was taken off",
    frozenset(("assistant",)),
    r"\n[ \t#*]*(?:Human|User)[ \t*]*:[ \t*:]*\s*\z",
    edits,
)
