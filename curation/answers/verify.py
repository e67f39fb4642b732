"""Answers that arithmetic cannot compare, compared by math-verify in a process of its own.

math-verify never returns from some expressions. The process is ended by its kernel when a pair took too much
processor time, so that neither load nor locks of Python decide which pairs; the next pair gets another
process. This is the one verdict that can depend on the machine: how far a processor comes in its time.
"""

import atexit
import json
import os
import select
import sys
from functools import lru_cache
from subprocess import DEVNULL, PIPE, Popen

from thinkmix.curation.answers import verifier
from thinkmix.curation.answers.compare import AGREE, DISAGREE, Compared, compare

_SECONDS = 3.0
"""Processor time that a pair may take."""
_PATIENCE = 60.0
"""Seconds after which a process that does not answer is ended, whatever it waits for."""
_LONGEST = 300
_WORD = 4
_TOO_LONG = Compared("unclear", "it takes too long to compare")
_MARKS = "\\{}[]()<>=^_,|"


def is_worth_asking(stated: str, reference: str) -> bool:
    """Return whether math-verify may know more of two answers: they are short, and have signs of mathematics.

    A sentence has none, nor has a time, and an integral that the source leaves undone has no value.
    """
    both = stated + reference
    if (
        max(len(stated), len(reference)) > _LONGEST
        or ":" in both
        or "Integral" in reference
        or _is_prose(both)
    ):
        return False
    return all(
        any(mark in text for mark in _MARKS) or any(map(str.isdigit, text)) for text in (stated, reference)
    )


def _is_prose(text: str) -> bool:
    words = (word.strip(".,") for word in text.split())
    return sum(word.isalpha() and len(word) >= _WORD for word in words) > 1


def decide(stated: str, reference: str) -> Compared:
    """Compare an answer with the reference, by arithmetic where that decides and by math-verify where not."""
    found = compare(stated, reference)
    if found.relation != "unclear" or not found.asks or not is_worth_asking(stated, reference):
        return found
    word = _asked(stated, reference)
    if word == "agree":
        return AGREE
    if word == "disagree":
        return DISAGREE
    return found if word == "unclear" else _TOO_LONG


@lru_cache(maxsize=8192)
def _asked(stated: str, reference: str) -> str:
    return _PROCESS.ask(stated, reference)


class _Process:
    """The process of math-verify; it starts with the first pair, and again after one that ended it."""

    def __init__(self) -> None:
        self._child: Popen[str] | None = None
        self._owner = 0

    def ask(self, stated: str, reference: str) -> str:
        """Return what math-verify says of a pair; `ended` if its process did not live to say it."""
        child = self._started()
        if child.stdin is None or child.stdout is None:
            return "ended"
        try:
            child.stdin.write(json.dumps([stated, reference]) + "\n")
            child.stdin.flush()
            ready, _, _ = select.select([child.stdout], [], [], _PATIENCE)
            word = child.stdout.readline().strip() if ready else ""
        except OSError:
            word = ""
        if word:
            return word
        self.end()
        return "ended"

    def _started(self) -> "Popen[str]":
        if self._child is None or self._child.poll() is not None or self._owner != os.getpid():
            program = [sys.executable, "-P", "-W", "ignore", verifier.__file__, str(_SECONDS)]
            self._child = Popen(program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True)
            self._owner = os.getpid()
        return self._child

    def end(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            child.kill()
            child.communicate()


_PROCESS = _Process()
atexit.register(_PROCESS.end)
