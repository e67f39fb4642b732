"""Sources on the Hugging Face Hub."""

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from thinkmix.flows.sources.contract import Address, Listed, Source
from thinkmix.flows.sources.http import Opener
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.files import kind_of
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.patterns import REPO_ID, REVISION, Patterns

RepoId = Annotated[str, Field(pattern=REPO_ID)]
Revision = Annotated[str, Field(pattern=REVISION)]


class HubSource(Source):
    """Files of a Hugging Face dataset at one commit.

    `HF_ENDPOINT` and `HF_TOKEN` are honoured.
    """

    on_hub: ClassVar[bool] = True

    kind: Literal["hub"] = "hub"
    """Where the rows lie: on the Hugging Face Hub."""
    dataset: RepoId
    """Id on the hub: organisation/name."""
    revision: Revision = "main"
    """A commit (pinned) or a branch or tag, which is resolved to a commit before anything is read."""
    files: Patterns
    """Patterns of the files to fetch; nothing else is downloaded."""

    def resolve(
        self, *, base: Path, into: Path, verify: bool = True, patience: Patience = PATIENT
    ) -> Snapshot:
        """Ask the hub, unless the revision is a commit that was listed before."""
        from thinkmix.flows.sources import hub  # noqa: PLC0415 - the client takes as long to import as all the rest

        return hub.resolve(self, into=into, patience=patience)

    def opener(self, snapshot: Snapshot) -> Opener:
        """Return what asks the hub."""
        from thinkmix.flows.sources import hub  # noqa: PLC0415 - as above

        return hub.opener(snapshot)

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the patterns."""
        return self.files

    @classmethod
    def listed(cls, text: str, *, into: Path, patience: Patience) -> Listed | None:
        """Return the set of this id, if the word is one and not the name of a file."""
        try:
            TypeAdapter(RepoId).validate_python(text)
        except ValidationError:
            return None
        if kind_of(text) is not None:
            return None
        from thinkmix.flows.sources import hub  # noqa: PLC0415 - as above

        everything = cls(name="rows", dataset=text, files=("**",), format=Auto())
        commit, entries = hub.listing(everything, into=into, patience=patience)
        source = everything.model_copy(update={"revision": commit})
        return Listed(source, text, {entry.path: entry.size for entry in entries})

    @classmethod
    def address(cls) -> Address | None:
        """Return the hub, or the mirror that is named instead."""
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        url = None if offline else os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        return Address("hub", url, "HF_ENDPOINT")
