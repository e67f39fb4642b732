r"""A program that asks math-verify: a pair of answers a line in, its word a line out.

It imports nothing of ours. Each pair has seconds of processor time, which the kernel counts: one that takes
longer ends the process, wherever it is, and `verify` starts another. Only sets, intervals, matrices and
relations are said to differ: of words, math-verify makes products of letters.
"""

import json
import logging
import resource
import signal
import sys

MEMORY = 2 * 1024**3
"""Bytes of memory that a pair may take."""


def main(seconds: float) -> None:
    """Answer pairs until the input ends."""
    allowed = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY if allowed == resource.RLIM_INFINITY else min(MEMORY, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    compare("1", "1")  # imports what it needs before time is counted
    for line in sys.stdin:
        stated, reference = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            word = compare(stated, reference)
        except Exception:  # the library may raise anything about what strangers wrote
            word = "unclear"
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(word + "\n")
        sys.stdout.flush()


def compare(stated: str, reference: str) -> str:
    """Return whether math-verify takes an answer for the reference: agree, disagree or unclear."""
    from math_verify import parse, verify  # noqa: PLC0415 - imported with the memory limited

    ours, wanted = (parse(f"${text}$", parsing_timeout=None) for text in (stated, reference))
    if not ours or not wanted:
        return "unclear"
    if verify(wanted, ours, timeout_seconds=None) or verify(ours, wanted, timeout_seconds=None):
        return "agree"
    return "disagree" if _kind(ours[0]) == _kind(wanted[0]) != "" else "unclear"


def _kind(value: object) -> str:
    from sympy import MatrixBase, Set, Tuple  # noqa: PLC0415
    from sympy.core.relational import Relational  # noqa: PLC0415

    kinds = {"set": Set, "matrix": MatrixBase, "tuple": Tuple, "relation": Relational}
    return next((name for name, kind in kinds.items() if isinstance(value, kind)), "")


if __name__ == "__main__":
    main(float(sys.argv[1]))
