"""Access to the workspace: for people who have its link, from its own pages, under its own name.

A page of another site cannot read answers, but it can send requests to 127.0.0.1, and a name that resolves to
127.0.0.1 makes its scripts part of the same origin. Three checks are made before any page runs: `Host` is a
name of this server (DNS rebinding), the cookie holds the token of this start, and a request that changes
something comes from a page of this origin. Forms carry a fourth, see `forms`.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "thinkmix"
OPEN = "/open"
"""Address that takes the token of the printed link and keeps it in the cookie."""

SAFE = ("GET", "HEAD", "OPTIONS")

POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'; "
    "img-src 'self' data:"
)
"""Nothing comes from another host, and no script or style stands in a page."""

HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

_REFUSED = {
    401: "This workspace needs the link that `thinkmix ui` printed: open that one.",
    403: "This request comes from another page than one of this workspace, so nothing was done.",
    421: "This name is not one of this workspace; open the link that `thinkmix ui` printed.",
}


@dataclass(frozen=True)
class Access:
    """What a request must show."""

    hosts: frozenset[str]
    """Names with port, as `Host` states them."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """Of this start; in the printed link and the cookie."""
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """What every form of a page sends back."""

    @classmethod
    def to(cls, port: int, names: Iterable[str] = ()) -> "Access":
        """Return the access to a server on a port of this machine, under more names if some are given."""
        return cls(frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", *names)))

    def link(self, origin: str, to: str = "/") -> str:
        """Return the link that lets a browser in."""
        return f"{origin}{OPEN}?token={self.token}" + (f"&to={to}" if to != "/" else "")


@dataclass(frozen=True)
class Guard:
    """Lets through what has access, and states the headers of every answer."""

    app: Application
    access: Access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with a sentence."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no page opens a socket
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if refused := self._refused(scope, headers):
            await _refuse(refused, send)
        elif scope["path"] == OPEN:
            await self._open(scope, send)
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refused(self, scope: Scope, headers: MutableMapping[str, str]) -> int | None:
        """Return the status by which a request is refused; None if it is let through."""
        host = headers.get("host", "")
        if host not in self.access.hosts:
            return 421
        if scope["path"] == OPEN:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            return None if _same(given, self.access.token) else 401
        if not _same(_cookie(headers.get("cookie", "")), self.access.token):
            return 401
        if scope["method"] not in SAFE:
            origin = headers.get("origin", "")
            if origin.partition("://")[2] != host:
                return 403
        return None

    async def _open(self, scope: Scope, send: Send) -> None:
        """Keep the token in the cookie, and go on to a page of this server."""
        to = parse_qs(scope["query_string"].decode("latin-1")).get("to", ["/"])[0]
        if not to.startswith("/") or to.startswith(("//", "/\\")) or not to.isprintable():
            to = "/"
        cookie = f"{COOKIE}={self.access.token}; Path=/; HttpOnly; SameSite=Strict"
        told = [(b"location", to.encode()), (b"set-cookie", cookie.encode()), *HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": told})
        await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send) -> Send:
    """Return what sends an answer with our headers, unless the page states its own."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            stated = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name, value) for name, value in HEADERS if name not in stated),
            ]
        await send(message)

    return sending


async def _refuse(status: int, send: Send) -> None:
    body = _REFUSED[status].encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _cookie(header: str) -> str:
    """Return the token that a `Cookie` header states; empty without one."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
