"""Runs a command on behalf of the workspace: `python -m thinkmix.flows.cli.noted FOLDER ARG…`.

It is a session of its own, so that it goes on when the workspace ends. How it ended it writes into its folder
itself; of one that was killed nothing is written, and its process is gone.
"""

import json
import os
import sys
import time
from pathlib import Path

from thinkmix.flows.cli import main
from thinkmix.flows.system.progress import PROGRESS


def run(folder: Path, arguments: list[str]) -> int:
    """Run a command, note in `ended.json` how it ended, and return its exit code."""
    os.environ[PROGRESS] = str(folder / "events.jsonl")
    sys.argv = ["thinkmix", *arguments]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        sys.stdout.flush()
        temporary = folder / ".ended.json"
        temporary.write_text(json.dumps({"exit_code": code, "at": time.time()}), encoding="utf-8")
        temporary.replace(folder / "ended.json")
    return code


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
