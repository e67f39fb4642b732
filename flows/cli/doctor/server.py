"""The Prefect server, if one is configured: whether it answers in our version, and who else can drive it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from ipaddress import ip_address
from urllib.parse import urlsplit

from thinkmix.flows.cli.doctor import net
from thinkmix.flows.cli.doctor.diagnosis import Diagnosis, diagnose
from thinkmix.flows.sources.http import plain_address

_SERVER, _CLIENT = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"
_ORIGINS = ("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS")
_CSRF = ("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED")
_PASSWORD = (
    f"set {_SERVER}=user:password where the server runs and {_CLIENT} here, or let it listen on 127.0.0.1"
)


def ask(settings: Mapping[str, str]) -> net.Answer | None:
    """Ask the server for its version, without credentials; None where none is configured."""
    api = settings.get("PREFECT_API_URL")
    return net.ask(f"{api.rstrip('/')}/admin/version", "GET") if api else None


def check(settings: Mapping[str, str], answer: net.Answer | None) -> Iterator[Diagnosis]:
    """Yield what there is to say of the server.

    Args:
        settings: Prefect's, by the names of the environment.
        answer: what the server answered, if it was asked.
    """
    yield check_answer(answer, version("prefect"), credentials=_any(settings, _CLIENT, "PREFECT_API_KEY"))
    yield exposure(settings, asks=_asks(answer))
    if settings.get("PREFECT_SERVER_API_HOST") or settings.get("PREFECT_API_URL"):
        yield _cors(settings)
        yield _csrf(settings)


def check_answer(answer: net.Answer | None, client: str, *, credentials: bool) -> Diagnosis:
    """Judge the answer of the server beside our version of Prefect, and whether builds have credentials."""
    name = "prefect server"
    if answer is None:
        return diagnose(name, "none configured: builds run without one, and `thinkmix serve` cannot")
    if answer.status is None:
        advice = "start it, correct PREFECT_API_URL, or unset it to build without Prefect"
        return diagnose(name, f"{answer.address} does not answer ({answer.words})", fail=advice)
    if _asks(answer):
        advice = "" if credentials else f"set {_CLIENT}=user:password here, as the server has it"
        lacking = "" if credentials else ", and builds have none"
        return diagnose(name, f"{answer.address} answers, and asks for a password{lacking}", fail=advice)
    theirs = ""
    with suppress(ValueError):
        theirs = str(json.loads(answer.words))[:40]
    if answer.status != 200 or not theirs[:1].isdigit():
        advice = "PREFECT_API_URL must end in /api and be that of a Prefect server"
        return diagnose(
            name, f"{answer.address} answers {answer.status}, like no Prefect server", fail=advice
        )
    if theirs.split(".")[:2] != client.split(".")[:2]:
        detail = f"{answer.address} has version {theirs}, this machine {client}"
        return diagnose(name, detail, warn=f"install prefect=={theirs} here, or {client} there")
    return diagnose(name, f"{answer.address} has version {theirs}")


def exposure(settings: Mapping[str, str], *, asks: bool | None) -> Diagnosis:
    """Judge who reaches the server; `asks`: whether it wants a password, None if that is not known."""
    name, host, api = (
        "prefect exposure",
        settings.get("PREFECT_SERVER_API_HOST"),
        settings.get("PREFECT_API_URL"),
    )
    if not host and not api:
        return diagnose(name, "no server is configured, and builds start none")
    if host and not _is_loopback(host) and not settings.get(_SERVER):
        detail = f"PREFECT_SERVER_API_HOST is {host}: anyone who reaches it may run code"
        return diagnose(name, detail, fail=_PASSWORD)
    where = urlsplit(api or "").hostname or ""
    if api and not _is_loopback(where):
        shown = plain_address(api)
        if asks is False:
            detail = f"{shown} answers without a password: anyone may run code there"
            return diagnose(name, detail, fail=_PASSWORD)
        if not _any(settings, _SERVER, _CLIENT, "PREFECT_API_KEY"):
            return diagnose(name, f"PREFECT_API_URL is {shown}, and no password is set", fail=_PASSWORD)
    if asks is False:
        detail = "the server is on this machine, but every user and web page of this machine may use it"
        return diagnose(name, detail, warn=_PASSWORD)
    guarded = "with" if asks or _any(settings, _SERVER, _CLIENT) else "without"
    return diagnose(name, f"{host or where}, {guarded} a password")


def _cors(settings: Mapping[str, str]) -> Diagnosis:
    allowed = next((settings[key] for key in _ORIGINS if key in settings), "*")
    if "*" not in allowed:
        return diagnose("prefect cors", f"web pages of {allowed} only")
    advice = f"set {_ORIGINS[0]} to the address of the server's own pages, like http://127.0.0.1:4200"
    detail = "a page of any web site may talk to the server through your browser"
    return diagnose("prefect cors", detail, warn=advice)


def _csrf(settings: Mapping[str, str]) -> Diagnosis:
    if any(settings.get(key, "").lower() in ("1", "true", "yes", "on", "t", "y") for key in _CSRF):
        return diagnose("prefect csrf", "forged requests are refused")
    advice = f"set {_CSRF[0]}=true where it runs"
    return diagnose("prefect csrf", "the server does not refuse forged requests", warn=advice)


def _asks(answer: net.Answer | None) -> bool | None:
    """Return whether the server asks for a password; None if it did not say."""
    return {401: True, 403: True, 200: False}.get(answer.status or 0) if answer else None


def _any(settings: Mapping[str, str], *names: str) -> bool:
    return any(settings.get(name) for name in names)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name, which may mean any machine
        return False
