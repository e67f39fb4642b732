"""Every source kind that a recipe may name: a kind that joins is one import and one line here."""

from typing import Annotated, TypeAlias, get_args

from pydantic import Field

from thinkmix.flows.sources.contract import Source
from thinkmix.flows.sources.hub_source import HubSource
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.flows.sources.modelscope_source import ModelScopeSource
from thinkmix.flows.sources.url_source import UrlSource

_Union: TypeAlias = (
    LocalSource  # Prefect's form takes a value for the first kind that has most of its fields
    | HubSource
    | ModelScopeSource
    | UrlSource
)

AnySource = Annotated[_Union, Field(discriminator="kind")]
"""Every kind that a recipe may name."""

KINDS: tuple[type[Source], ...] = get_args(_Union)
"""Every kind, in the order in which they are shown."""
