"""Read an export with the trainer that it is for: `run.py TOOL EXPORT MODEL ROWS STEPS COMMAND…`.

Runs in the environment of the tool, where nothing of Thinkmix is installed: it imports TOOL_rows.py beside
it. Writes a line of JSON a row, `{"ids": […], "labels": […]}`, and prints, as JSON, the releases of the
libraries that decide it. With STEPS it trains that many steps on the CPU by the command of the export. The
export itself is not touched: the command runs in a folder of links to its files.
"""

import json
import os
import sys
import tempfile
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = ("transformers", "datasets", "tokenizers", "peft", "torch")


def main(tool: str, export: str, model: str, rows: str, steps: str, *command: str) -> None:
    """Run one tool; see above."""
    out, place = Path(rows).resolve(), Path(model).resolve()
    with tempfile.TemporaryDirectory() as work:
        for path in Path(export).resolve().iterdir():
            (Path(work) / path.name).symlink_to(path)
        os.chdir(work)
        sys.path.insert(0, work)  # as in a shell in that folder: some commands import a file of the export
        read = import_module(f"{tool.replace('-', '_')}_rows").read
        with out.open("w", encoding="utf-8") as file:
            for ids, labels in read(list(command), str(place), int(steps)):
                file.write(json.dumps({"ids": list(map(int, ids)), "labels": list(map(int, labels))}) + "\n")
        os.chdir(out.parent)
    print(json.dumps(_releases(tool)))  # noqa: T201 - what its caller reads


def _releases(tool: str) -> dict[str, str]:
    found = {}
    for name in (tool, *_LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
