"""Nobody uses the workspace who has not its link, and no page of another site does so for them."""

from hashlib import sha256
from pathlib import Path

import pytest

from tests.harness.workspace import HOST, ORIGIN, Browser
from thinkmix.flows.workspace.access import COOKIE
from thinkmix.flows.workspace.forms import FIELD, changing, check_token
from thinkmix.flows.workspace.pages.known import ROUTERS


@pytest.fixture
def anywhere(tmp_path):
    """The workspace over a store that is not there yet."""
    return Browser(tmp_path / "none")


def test_the_link_lets_a_browser_in(anywhere):
    """The token of the link goes into a cookie that no script reads and no other site sends."""
    anywhere.client.cookies.clear()
    link = anywhere.access.link(ORIGIN, "/schedule")

    answer = anywhere.get(link)

    assert (answer.status_code, answer.headers["location"]) == (303, "/schedule")
    assert {"HttpOnly", "SameSite=Strict"} <= set(answer.headers["set-cookie"].split("; "))
    assert anywhere.get("/").status_code == 200


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nSet-Cookie: b=c"]
)
def test_the_link_leads_nowhere_else(anywhere, to):
    """An address after the token that is not one of this server is home instead."""
    answer = anywhere.client.get("/open", params={"token": anywhere.access.token, "to": to})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("token", ["", "x", "é"])
def test_without_the_token_nothing_is_shown(anywhere, token):
    """Neither a link nor a cookie with another token lets anyone in."""
    anywhere.client.cookies.clear()

    assert anywhere.client.get("/open", params={"token": token}).status_code == 401
    assert anywhere.get("/", Cookie=f"{COOKIE}={token}".encode()).status_code == 401
    assert anywhere.get("/static/workspace.css").status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example:4711", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:4711.evil.example", ""]
)
def test_another_name_is_refused(anywhere, host):
    """A name that resolves to this machine is not a name of the workspace (DNS rebinding)."""
    assert anywhere.get("/", Host=host).status_code == 421


@pytest.mark.parametrize("host", ["localhost:4711", "[::1]:4711"])
def test_other_names_of_this_machine_are_accepted(anywhere, host):
    """A browser may call this machine localhost."""
    assert anywhere.get("/", Host=host).status_code == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", f"http://evil.{HOST}", "http://127.0.0.1"]
)
def test_what_changes_something_comes_from_a_page_of_ours(anywhere, origin):
    """A form that a page of another origin sends is refused, with the cookie too."""
    headers = {} if origin is None else {"Origin": origin}

    assert anywhere.client.post("/", headers=headers).status_code == 403


def test_every_route_that_changes_something_asks_for_the_token():
    """No route takes another method than GET without one of the two checks of `forms`."""
    routes = [route for router in ROUTERS for route in router.routes]
    changing_routes = [route for route in routes if set(route.methods) - {"GET", "HEAD"}]
    bare = [
        route.path
        for route in changing_routes
        if not {changing, check_token} & {need.call for need in route.dependant.dependencies}
    ]

    assert bare == []


def test_answers_state_a_policy_without_exceptions(anywhere):
    """No script or style that stands in a page is run, and nothing comes from elsewhere."""
    for address in ("/", "/nothing", "/static/htmx.min.js"):
        stated = anywhere.get(address).headers["content-security-policy"]

        assert "default-src 'self'" in stated
        assert "unsafe" not in stated
    assert FIELD not in anywhere.get("/").headers


def test_the_library_is_the_one_that_was_published(anywhere):
    """The one file that others wrote has the digest that NOTICE states, and NOTICE its licence."""
    notice = (Path(__file__).parents[3] / "NOTICE").read_text()

    assert sha256(anywhere.get("/static/htmx.min.js").content).hexdigest() in notice
    assert "Zero-Clause BSD" in notice
