"""A Prefect server, started for the first file that needs it and ended after the last."""

from contextlib import ExitStack

import pytest

from tests.harness.prefect_server import Api, server

SERVER = pytest.StashKey[Api]()


@pytest.fixture(scope="module")
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """A server of the tests' own; it takes ten seconds of a core to start, and some of it while it waits."""
    folder = request.node.parent
    if SERVER not in folder.stash:
        kept = ExitStack()
        folder.stash[SERVER] = kept.enter_context(server(tmp_path_factory.mktemp("prefect")))
        kept.callback(folder.stash.__delitem__, SERVER)
        folder.addfinalizer(kept.close)
    return folder.stash[SERVER]
