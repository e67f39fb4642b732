"""Who else can drive the Prefect server: an address that others reach, no password, any web page."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from thinkmix.flows.cli.doctor.finding import Finding, fail, ok, warn
from thinkmix.flows.sources.http import plain_address

_PASSWORDS = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
_ORIGINS = ("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS")
_CSRF = ("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED")


def check(settings: Mapping[str, str], *, asks: bool | None = None) -> list[Finding]:
    """Return what there is to say of the server's safety.

    Args:
        settings: Prefect's, by the names of the environment.
        asks: whether the server asks for a password; None if that is not known.
    """
    host, api = settings.get("PREFECT_SERVER_API_HOST"), settings.get("PREFECT_API_URL")
    if not host and not api:
        return [ok("prefect exposure", "no server is configured, and builds start none")]
    return [
        _address(settings, host, api, asks=asks),
        _origins(settings),
        _csrf(settings),
    ]


def _address(settings: Mapping[str, str], host: str | None, api: str | None, *, asks: bool | None) -> Finding:
    name = "prefect exposure"
    advice = (
        "set PREFECT_SERVER_API_AUTH_STRING=user:password where the server runs and PREFECT_API_AUTH_STRING "
        "here, or let it listen on 127.0.0.1"
    )
    if host and not _is_loopback(host) and not settings.get("PREFECT_SERVER_API_AUTH_STRING"):
        return fail(name, f"PREFECT_SERVER_API_HOST is {host}: anyone who reaches it may run code", advice)
    where = urlsplit(api or "").hostname or ""
    if api and not _is_loopback(where):
        shown = plain_address(api)
        if asks is False:
            return fail(name, f"{shown} answers without a password: anyone may run code there", advice)
        if not any(settings.get(password) for password in (*_PASSWORDS, "PREFECT_API_KEY")):
            return fail(name, f"PREFECT_API_URL is {shown}, and no password is set", advice)
    if asks is False:
        detail = "the server is on this machine, but every user and web page of this machine may use it"
        return warn(name, detail, advice)
    return ok(
        name,
        f"{host or where}, {'with' if asks or any(map(settings.get, _PASSWORDS)) else 'without'} a password",
    )


def _origins(settings: Mapping[str, str]) -> Finding:
    name = "prefect cors"
    allowed = next((settings[key] for key in _ORIGINS if key in settings), "*")
    if "*" not in allowed:
        return ok(name, f"web pages of {allowed} only")
    advice = f"set {_ORIGINS[0]} to the address of the server's own pages, like http://127.0.0.1:4200"
    return warn(name, "a page of any web site may talk to the server through your browser", advice)


def _csrf(settings: Mapping[str, str]) -> Finding:
    name = "prefect csrf"
    if any(settings.get(key, "").lower() in ("1", "true", "yes", "on", "t", "y") for key in _CSRF):
        return ok(name, "forged requests are refused")
    return warn(name, "the server does not refuse forged requests", f"set {_CSRF[0]}=true where it runs")


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name, which may mean any machine
        return False
