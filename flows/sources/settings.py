"""What a recipe says of where rows lie: on a hub or on this machine, in which files, at which revision."""

from typing import Annotated, Literal

from pydantic import Field

from thinkmix.curation.validate.source import SourceBase
from thinkmix.schemas.patterns import REPO_ID, REVISION, Patterns

RepoId = Annotated[str, Field(pattern=REPO_ID)]
Revision = Annotated[str, Field(pattern=REVISION)]


class HubSource(SourceBase):
    """Files of a Hugging Face dataset at one commit."""

    kind: Literal["hub"] = "hub"
    """Where the rows lie: on the Hugging Face Hub."""
    dataset: RepoId
    """Id on the hub: organisation/name."""
    revision: Revision = "main"
    """A commit (pinned) or a branch or tag, which is resolved to a commit before anything is read."""
    files: Patterns
    """Patterns of the files to fetch; nothing else is downloaded."""


class ModelScopeSource(SourceBase):
    """Files of a ModelScope dataset at one revision; needs `thinkmix[modelscope]`."""

    kind: Literal["modelscope"] = "modelscope"
    """Where the rows lie: on ModelScope."""
    dataset: RepoId
    """Id on ModelScope: organisation/name."""
    revision: Revision = "master"
    """A commit (pinned), or a branch or tag."""
    files: Patterns
    """Patterns of the files to fetch; nothing else is downloaded."""


class LocalSource(SourceBase):
    """Files on this machine."""

    kind: Literal["local"] = "local"
    """Where the rows lie: on this machine."""
    files: Patterns
    """Patterns of files; relative ones start at the recipe's folder."""


Source = Annotated[LocalSource | HubSource | ModelScopeSource, Field(discriminator="kind")]
"""Prefect's form takes a value for the first kind that has most of its fields, so that of fewest is first."""
