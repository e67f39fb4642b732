"""Roles and texts of rows in the layouts of public sets, beside those that convmerge reads in them.

`python -m benchmarks.layouts` installs convmerge into build/peers and prints what it reads otherwise.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import last_line, run
from benchmarks.peer_envs import python_of, script
from tests.harness.layouts import SAMPLES, Row
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.formats.recognition import best

Turns = list[list[str | None]]


def main() -> None:
    """Compare all rows."""
    rows = [(sample.set, row, best(sample.rows)[0]) for sample in SAMPLES for row in sample.rows]
    with TemporaryDirectory() as folder:
        listed = Path(folder) / "rows.json"
        listed.write_text(json.dumps([row for _, row, _ in rows]), encoding="utf-8")
        told = run([python_of("convmerge"), script("convmerge_turns"), listed]).output
    theirs, same = json.loads(last_line(told)), 0
    for (name, row, format), other in zip(rows, theirs, strict=True):
        ours = _turns(format, row)
        if ours == other:
            same += 1
        else:
            print(f"{name}\n  ours    {ours}\n  theirs  {other}")
    print(f"{same} of {len(rows)} rows say the same")


def _turns(format: Format, row: Row) -> Turns | str:
    """Return role, text and trace of each turn up to the last answer, or why the row is refused."""
    try:
        messages = format.read(row, Notes()).messages
    except ValueError as error:
        return str(error)
    while messages and messages[-1]["role"] == "user":
        messages.pop()
    return [
        [turn["role"], turn["content"].strip(), (turn.get("reasoning") or "").strip() or None]
        for turn in messages
    ]


if __name__ == "__main__":
    main()
