"""Print lines of a table in docs/recipes.md: every kind of source, and what a recipe says of it."""

import sys
from collections.abc import Iterator

from thinkmix.curation.validate.source import SourceBase
from thinkmix.flows.sources.known import KINDS
from thinkmix.schemas.record import descriptions


def table() -> Iterator[str]:
    """Yield the table's lines."""
    for kind in KINDS:
        said = descriptions(kind)
        own = [name for name in kind.model_fields if name not in SourceBase.model_fields and name != "kind"]
        settings = "; ".join(f"`{name}`: {' '.join(said[name].split()).rstrip('.')}" for name in own)
        yield f"| `kind: {kind.name_of_kind()}` | {kind.sentence()} {settings}. |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
