"""A browser on the workspace over the small mixture."""

import pytest

from tests.harness.workspace import Browser
from thinkmix.flows.build.pipeline import Built


@pytest.fixture(scope="module")
def browser(built: Built) -> Browser:
    """The workspace over the small mixture, which it only reads."""
    return Browser(built.version.parents[2])


@pytest.fixture(scope="module")
def address(built: Built) -> str:
    """The address of the small version."""
    return f"/m/{built.version.parents[1].name}/v/{built.version.name}"
