"""The workspace over a store, as a browser asks it: with its cookie, its origin and its form token."""

import warnings
from collections.abc import Mapping
from pathlib import Path

from thinkmix.flows.store.store import Store
from thinkmix.flows.workspace.access import COOKIE, Access
from thinkmix.flows.workspace.app import workspace

with warnings.catch_warnings():  # of the client's own libraries
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOST = "127.0.0.1:4711"
ORIGIN = f"http://{HOST}"


class Browser:
    """Someone who has opened the link."""

    def __init__(self, root: Path, *, read_only: bool = False, folders: tuple[Path, ...] = ()) -> None:
        self.access = Access.to(4711)
        app = workspace(Store(root), self.access, read_only=read_only, folders=folders)
        self.app = app.app
        self.client = TestClient(app, base_url=ORIGIN, raise_server_exceptions=True, follow_redirects=False)
        self.client.cookies.set(COOKIE, self.access.token)

    def get(self, address: str, **headers: str):
        """Open a page."""
        return self.client.get(address, headers=headers)

    def post(self, address: str, fields: Mapping[str, str] | None = None, **headers: str):
        """Send a form of a page."""
        data = {"form_token": self.access.form_token, **(fields or {})}
        return self.client.post(address, data=data, headers={"Origin": ORIGIN, **headers})
