"""The repair of texts in which HTML entities stand for characters: a page was copied and never decoded."""

import unicodedata
from collections.abc import Iterator, Sequence
from html import unescape

from thinkmix.curation.repairs.contract import Edit, Repair, prose
from thinkmix.schemas.conversation import is_clean
from thinkmix.schemas.think import CLOSE, OPEN

_NAMES = frozenset(("amp", "lt", "gt", "quot", "apos", "nbsp"))
_LONGEST = len("&#x10FFFF;")
_ABOUT_MARKUP = (
    *("html", "xml", "xss", "svg", "markup", "ampersand", "sanitiz"),
    *("escaped", "escaping", "escape char", "escape seq", "escape the", "转义", "实体"),
)
_KNOWN_TAGS = (OPEN, CLOSE, "<answer>", "</answer>")
_TAG = 200


def edits(text: str, before: str) -> Sequence[Edit]:
    """Decode the entities of prose, each once: `&#39;`, `&quot;`, `&amp;`, `&lt;`.

    Nothing is decoded in a text that holds or speaks of markup, or that answers one that does, because it
    may mean the entity; in code and formulas; where a digit follows or goes before `&lt;` or `&gt;` (a
    comparison is a formula); characters that cannot be printed; and where the text would become a command to
    the model (`&lt;think&gt;`).
    """
    every = list(_entities(text, 0, len(text)))
    if not every or _is_about_markup(text) or _is_about_markup(before):
        return []
    if not is_clean(unescape(_without_known_tags(text))):
        return []
    return [
        edit
        for first, last in prose(text)
        for edit in _entities(text, first, last)
        if _is_printable(edit.put) and not _compares(text, edit)
    ]


def _entities(text: str, first: int, last: int) -> Iterator[Edit]:
    """Yield the entities in a stretch of a text with the characters that they stand for."""
    at = text.find("&", first, last)
    while at >= 0:
        end = text.find(";", at, min(last, at + _LONGEST))
        if end >= 0 and _is_entity(text[at + 1 : end]):
            yield Edit(at, end + 1, unescape(text[at : end + 1]))
        at = text.find("&", at + 1, last)


def _is_entity(word: str) -> bool:
    return word in _NAMES or (word.startswith("#") and len(unescape(f"&{word};")) == 1)


def _is_about_markup(text: str) -> bool:
    lowered = _without_known_tags(text).casefold()
    return any(word in lowered for word in _ABOUT_MARKUP) or _has_tag(lowered)


def _without_known_tags(text: str) -> str:
    for tag in _KNOWN_TAGS:
        text = text.replace(tag, "")
    return text


def _has_tag(text: str) -> bool:
    at = text.find("<")
    while at >= 0:
        if text[at + 1 : at + 3].lstrip("/")[:1].isalpha() and ">" in text[at : at + _TAG]:
            return True
        at = text.find("<", at + 1)
    return False


def _is_printable(character: str) -> bool:
    return len(character) == 1 and not unicodedata.category(character).startswith("C")


def _compares(text: str, edit: Edit) -> bool:
    left, right = text[: edit.start][-2:].strip()[-1:], text[edit.end :][:2].strip()[:1]
    return edit.put in "<>" and (left.isdigit() or right.isdigit())


REPAIR = Repair(
    "entities",
    "HTML entities stood for characters in its texts and were decoded",
    frozenset(("system", "user", "assistant", "trace")),
    "&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});",
    edits,
)
