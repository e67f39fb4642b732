"""Sources on this machine."""

from pathlib import Path
from typing import Literal

from thinkmix.flows.sources import local
from thinkmix.flows.sources.contract import Matches, Source
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.flows.sources.transfer import Progress, no_progress
from thinkmix.schemas.artifact import InputFile, Snapshot
from thinkmix.schemas.patterns import Patterns


class LocalSource(Source):
    """Files on this machine."""

    kind: Literal["local"] = "local"
    """Where the rows lie: on this machine."""
    files: Patterns
    """Patterns of files; relative ones start at the recipe's folder."""

    def resolve(
        self, *, base: Path, into: Path, verify: bool = True, patience: Patience = PATIENT
    ) -> Snapshot:
        """Hash the files that the patterns match."""
        return local.resolve(self, base=base, into=into, verify=verify)

    def matches(self, base: Path) -> Matches | None:
        """Return the files that the patterns match now."""
        return local.matches(self, base)

    def fetch(
        self,
        snapshot: Snapshot,
        *,
        base: Path,
        into: Path,
        patience: Patience = PATIENT,
        progress: Progress = no_progress,
    ) -> tuple[InputFile, ...]:
        """Return where the files lie, after checking that they are still what they were."""
        return local.fetch(self, snapshot, base=base, into=into, progress=progress)

    def present(self, snapshot: Snapshot, *, base: Path, into: Path, notes: Path) -> tuple[InputFile, ...]:
        """Return where the files lie, trusting digests of files that look unchanged."""
        return local.fetch(self, snapshot, base=base, into=notes, verify=False)

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the patterns."""
        return self.files
