"""Print the table of docs/recipes.md: every model family, and how its chat template opens an answer."""

import sys
from collections.abc import Iterator

from thinkmix.templates.chat.control_tokens import ASSISTANT
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.families.known import FAMILIES


def table() -> Iterator[str]:
    """Yield the table's lines."""
    yield "| `template` | models | a prompt opens a trace by | skips it by | soft switch |"
    yield "|---|---|---|---|---|"
    for family in FAMILIES.values():
        with_trace = _opening(family, thinking=True) if family.thinks != "never" else "never"
        without = _opening(family, thinking=False) if family.thinks != "always" else "never"
        switch = "`/no_think`" if family.soft_switch else "none"
        yield f"| `{family.name}` | {family.about} | {with_trace} | {without} | {switch} |"


def _opening(family: Family, *, thinking: bool) -> str:
    """Return what follows the head of the assistant's turn, as code."""
    said = family.opening(thinking=thinking).removeprefix(ASSISTANT)
    return f"`{said!r}`".replace("'", "") if said else "nothing"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
