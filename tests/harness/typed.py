"""Runs several commands in one process, one after another: `python -m tests.harness.typed`.

It reads a list of commands, each a list of words, and prints for each its exit code, output and errors.
"""

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from thinkmix.flows.cli import main


def typed(words: list[str]) -> dict[str, object]:
    """Run one command as if it had been typed."""
    sys.argv = ["thinkmix", *words]
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    _commands = json.load(sys.stdin)
    sys.stdout.write(json.dumps([typed(words) for words in _commands]))
