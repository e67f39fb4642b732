"""A kind of source that there is not: rows that no machine holds until they are asked for."""

import json
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from thinkmix.flows.sources.contract import Address, Listed, Source
from thinkmix.flows.sources.http import Body, Opener
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.schemas.artifact import RemoteFile, Snapshot
from thinkmix.schemas.formats.auto import Auto


class Toy(Source):
    """Sums that a toy can do."""

    kind: Literal["toy"] = "toy"
    """Where the rows lie: in the toy."""
    sums: Annotated[int, Field(ge=1, le=100)]
    """How many sums."""

    def resolve(
        self, *, base: Path, into: Path, verify: bool = True, patience: Patience = PATIENT
    ) -> Snapshot:
        """Return the one file."""
        content = self._content()
        digest = sha256(content).hexdigest()
        file = RemoteFile(path="sums.jsonl", size=len(content), sha256=digest)
        return Snapshot(dataset="toy/sums", revision="now", commit=digest, files=(file,))

    def opener(self, snapshot: Snapshot) -> Opener:
        """Return what makes the file."""
        content = self._content()
        return lambda file, start: nullcontext(Body(start, len(content), "toy", iter([content[start:]])))

    @property
    def asked(self) -> tuple[str, ...]:
        """Return how many are asked for."""
        return (f"{self.sums} sums",)

    @classmethod
    def listed(cls, text: str, *, into: Path, patience: Patience) -> Listed | None:
        """Read `toy://30`."""
        if not text.startswith("toy://"):
            return None
        made = cls(name="rows", sums=int(text.removeprefix("toy://")), format=Auto())
        return Listed(made, "toy/sums", {"sums.jsonl": len(made._content())})

    @classmethod
    def address(cls) -> Address:
        """Return where no toy answers."""
        return Address("toy", "http://127.0.0.1:9/", "TOY_ENDPOINT")

    def _content(self) -> bytes:
        rows = ({"toy": f"Add one to the number {n}, please.|It is {n + 1}."} for n in range(self.sums))
        return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
