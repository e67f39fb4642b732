"""Print the table of docs/gates.md: every gate, what it looks at, what it does and by which limits."""

import sys
from collections.abc import Iterator

from thinkmix.curation.gates.known import GATES


def table() -> Iterator[str]:
    """Yield the table's lines."""
    yield "| gate | looks at | action | limit |"
    yield "|---|---|---|---|"
    for kind in GATES:
        stated = kind().model_dump(mode="json")
        action = stated.pop("action")
        limits = ", ".join(f"`{name}: {value:g}`" for name, value in stated.items())
        yield f"| `{kind.name}` | {kind.sentence()} | {action} | {limits} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
