"""Sources on ModelScope, through an extra."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from thinkmix.flows.sources.contract import Address, Source
from thinkmix.flows.sources.http import Opener
from thinkmix.flows.sources.hub_source import RepoId, Revision
from thinkmix.flows.sources.patience import PATIENT, Patience
from thinkmix.schemas.artifact import Snapshot
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.patterns import Patterns


class ModelScopeSource(Source):
    """Files of a ModelScope dataset at one revision; needs `thinkmix[modelscope]`."""

    kind: Literal["modelscope"] = "modelscope"
    """Where the rows lie: on ModelScope."""
    dataset: RepoId
    """Id on ModelScope: organisation/name."""
    revision: Revision = "master"
    """A commit (pinned), or a branch or tag."""
    files: Patterns
    """Patterns of the files to fetch; nothing else is downloaded."""

    def resolve(
        self, *, base: Path, into: Path, verify: bool = True, patience: Patience = PATIENT
    ) -> Snapshot:
        """Ask ModelScope, unless the revision is a commit that was listed before."""
        self._need_client()
        from thinkmix.flows.sources import modelscope  # noqa: PLC0415 - an extra

        return modelscope.resolve(self, into=into, patience=patience)

    def opener(self, snapshot: Snapshot) -> Opener:
        """Return what asks ModelScope."""
        self._need_client()
        from thinkmix.flows.sources import modelscope  # noqa: PLC0415 - an extra

        return modelscope.opener(snapshot)

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the patterns."""
        return self.files

    @classmethod
    def address(cls) -> Address | None:
        """Return ModelScope, or what is named instead, where the extra is installed."""
        if find_spec("modelscope_hub") is None:
            return None
        url = os.environ.get("MODELSCOPE_ENDPOINT") or "https://modelscope.cn"
        return Address("modelscope", url, "MODELSCOPE_ENDPOINT")

    def _need_client(self) -> None:
        if find_spec("modelscope_hub") is None:
            need = "ModelScope sources need one more package: pip install 'thinkmix[modelscope]'"
            msg = f"{self.dataset}: {need}"
            raise SourceError(msg)
