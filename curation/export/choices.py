"""Questions with choices: the question, its choices by letter, and the letter that a response chooses."""

from collections.abc import Mapping
from string import ascii_uppercase
from typing import NamedTuple

from thinkmix.curation.answers.find import final_answers

_LETTERS = ascii_uppercase[:10]
_FEWEST = 4
_ENDS = (")", ".", ":", "、", "．")


class Choices(NamedTuple):
    """A question with choices, and the letter of the right one."""

    question: str
    options: Mapping[str, str]
    answer: str


def read_choices(text: str, response: str) -> Choices | None:
    """Return a question with choices; None if it has fewer than A to D, or the response names no choice.

    Choices are the last lines of the text: `A. text`, `A) text`, `(A) text` or `A: text`. A text after them
    keeps a question out, because a reader that asks the choices itself would lose it.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    options: dict[str, str] = {}
    first = len(lines)
    for place in range(len(lines) - 1, -1, -1):
        if (found := _option(lines[place])) is None:
            break
        letter, said = found
        if letter in options:
            return None
        options[letter] = said
        first = place
        if letter == "A":
            break
    letters = "".join(sorted(options))
    if len(options) < _FEWEST or first == 0 or "".join(reversed(options)) != _LETTERS[: len(options)]:
        return None
    answer = _chosen(response)
    if answer not in letters or not answer:
        return None
    ordered = {letter: options[letter] for letter in letters}
    return Choices("\n".join(lines[:first]), ordered, answer)


def _option(line: str) -> tuple[str, str] | None:
    opened = line.startswith("(")
    body = line[1:] if opened else line
    if body[:1] not in _LETTERS or not body[:1]:
        return None
    if not body[1:].startswith(")" if opened else _ENDS):
        return None
    said = body[2:].strip()
    return (body[0], said) if said else None


def _chosen(response: str) -> str:
    """Return the letter that a response states last as its answer; empty if it states none."""
    data = response.encode()
    stated = final_answers(data, 0, len(data))
    if not stated:
        return ""
    word = stated[-1].text.strip().removeprefix("\\text{").rstrip("}").strip(" ().*")
    return word if len(word) == 1 and word in _LETTERS else ""
