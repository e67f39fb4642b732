"""Questions as rows of public sets hold them: edited, in a later turn, in an answer, in a system prompt."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.harness.builders import WORDS

WRAP = 30
"""Words before a question, and as many behind it."""

Turns = Sequence[tuple[str, str]]
Edit = Callable[[str, random.Random], str]


def _wrapped(question: str, chance: random.Random) -> str:
    """Return a question among other words."""
    before, after = (" ".join(chance.choices(WORDS, k=WRAP)) for _ in range(2))
    return f"{before}. {question} {after}."


def _latex(question: str, chance: random.Random) -> str:
    r"""Return a question with other spacing and delimiters: `$x+1$` becomes `\(x \, + \, 1\)`."""
    parts = question.split("$")
    inside = [re.sub(r"\s*(?<![\\{^_])([=+<>])\s*", r" \\, \1 \\, ", part) for part in parts]
    return (
        "".join(part if place % 2 == 0 else rf"\({inside[place]}\)" for place, part in enumerate(parts))
        if len(parts) % 2
        else question.replace(" ", r" \, ", 1)
    )


def _shorter(question: str, chance: random.Random) -> str:
    """Return a question without every tenth word, from one of the first ten on."""
    words, first = question.split(), chance.randrange(10)
    return " ".join(word for place, word in enumerate(words) if place % 10 != first)


EDITS: Mapping[str, Edit] = {
    "word for word": lambda question, _: question,
    f"{WRAP} words before and after": _wrapped,
    "LaTeX spacing and delimiters": _latex,
    "every tenth word left out": _shorter,
}


def placed(question: str, chance: random.Random) -> Iterator[tuple[str, Turns]]:
    """Yield each way to put a question into a row, by name, with the turns of that row."""
    for name, edit in EDITS.items():
        yield name, (("user", edit(question, chance)), ("assistant", chat(chance)))
    yield (
        "second turn",
        (
            ("user", chat(chance)),
            ("assistant", chat(chance)),
            ("user", question),
            ("assistant", chat(chance)),
        ),
    )
    yield "answer", (("user", chat(chance)), ("assistant", question))
    yield "system prompt", (("system", question), ("user", chat(chance)), ("assistant", chat(chance)))


def chat(chance: random.Random) -> str:
    """Return twelve words with numbers, as no question has them."""
    return f"{' '.join(f'{word}{chance.randrange(1000)}' for word in chance.choices(WORDS, k=12))}."
