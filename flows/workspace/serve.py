"""Serving the workspace: a port of this machine, the link on the terminal, and the browser."""

import socket
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from thinkmix.flows.store.store import Store
from thinkmix.flows.workspace.access import Access
from thinkmix.flows.workspace.app import workspace
from thinkmix.schemas.errors import NotFound, WorkspaceError

HOST = "127.0.0.1"

BOUND = 64
"""Most connections that are answered at once; more are refused at once with 503."""


def serve(
    root: Path,
    *,
    port: int,
    read_only: bool,
    folders: Sequence[Path],
    opens: bool,
    told: Callable[[str], None],
) -> None:
    """Serve the workspace of a store until this process is stopped.

    Args:
        root: the store; one that is not there yet is empty.
        port: to listen on; 0 for a free one.
        read_only: refuse everything that changes anything.
        folders: where rows may be picked from.
        opens: open the browser.
        told: is called with the link.

    Raises:
        NotFound: if a folder is not there.
        WorkspaceError: if the port is taken.
    """
    for folder in folders:
        if not folder.is_dir():
            msg = f"{folder} is not a folder; --files names one that has your rows"
            raise NotFound(msg)
    with _listening(port) as listening:
        port = listening.getsockname()[1]
        access = Access.to(port)
        app = workspace(Store(root.resolve()), access, read_only=read_only, folders=folders)
        link = access.link(f"http://{HOST}:{port}")
        told(link)
        if opens:
            webbrowser.open(link)
        config = uvicorn.Config(
            app, log_level="error", access_log=False, server_header=False, date_header=False, lifespan="off",
            limit_concurrency=BOUND, timeout_keep_alive=5, timeout_graceful_shutdown=2, ws="none",
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of this machine alone.

    Raises:
        WorkspaceError: if it is taken, or may not be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        msg = f"port {port} cannot be used ({error}); leave --port out for a free one"
        raise WorkspaceError(msg) from None
    return listening
