"""The workspace in a real browser: by mouse and by key, on a wide screen and on a phone, and alone."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import polars as pl
import pytest
import uvicorn

from tests.harness.browser import chromium, resize
from tests.harness.builders import quick_build, recipe
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.inspect.rows import Rows
from thinkmix.flows.store.store import Store
from thinkmix.flows.workspace.access import Access
from thinkmix.flows.workspace.app import workspace

CSS = "css selector"


class Site(NamedTuple):
    """A workspace that is served."""

    root: Path
    origin: str
    link: str
    mixture: str
    versions: tuple[str, str]
    """The older one, and the current one."""
    lost: str
    """Id of a row that the current one left out."""


@pytest.fixture(scope="module")
def site(built: Built, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The small mixture with a second version, served on a free port of this machine."""
    root = tmp_path_factory.mktemp("site") / "store"
    shutil.copytree(built.version.parents[2], root)
    later = quick_build(recipe(seed=7), root, sources)
    lost = Rows(later.version).outcomes.filter(pl.col("reason").is_not_null()).head(1).collect()["id"].item()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    access = Access.to(port)
    app = workspace(Store(root), access)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    serving.start()
    origin = f"http://127.0.0.1:{port}"
    names = built.version.name, later.version.name
    try:
        yield Site(root, origin, access.link(origin), built.version.parents[1].name, names, lost)
    finally:
        server.should_exit = True
        serving.join()


@pytest.fixture(scope="module")
def browser(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser that has opened the link; at the end it has met no error and no other host."""
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        resize(running, 1280)
        running.get(site.link)
        yield running
        assert [entry["message"] for entry in running.get_log("browser")] == []
        logged = (json.loads(entry["message"])["message"] for entry in running.get_log("performance"))
        urls = (
            urlsplit(event["params"]["request"]["url"])
            for event in logged
            if event["method"] == "Network.requestWillBeSent"
        )
        asked = {url.netloc for url in urls if url.scheme in ("http", "https", "ws", "wss")}
        assert asked == {urlsplit(site.origin).netloc}


def soon(check: Callable[[], Any], *, within: float = 10.0) -> Any:
    """Return what a check finds, as soon as it finds something."""
    until = time.monotonic() + within
    while not (found := check()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def text(browser: Any, selector: str = "h1") -> str:
    """Return the text of an element, which may be exchanged at any moment."""
    return str(
        browser.execute_script("return document.querySelector(arguments[0])?.innerText || ''", selector)
    )


def test_a_dropped_row_is_found_by_mouse(browser: Any, site: Site):
    """Home, mixture, version, the rows that were left out, one of them: its first line says why."""
    browser.get(f"{site.origin}/")
    browser.find_element(CSS, ".card h2 a").click()
    browser.find_element(CSS, "tbody a").click()
    browser.find_element(CSS, ".ways-on a[href*='outcome=dropped']").click()
    assert soon(lambda: text(browser).endswith("rows"))
    browser.find_element(CSS, ".lines a").click()

    assert soon(lambda: text(browser).startswith("Left out at"))


def test_a_row_is_found_by_keyboard(browser: Any, site: Site):
    """`/` goes to the search field, j and k through the list, Enter opens; the address holds the search."""
    body = "body"
    browser.get(f"{site.origin}/m/{site.mixture}/v/current/rows?outcome=mixture")
    before = text(browser, "#list h1")
    browser.find_element(CSS, body).send_keys("/")
    browser.switch_to.active_element.send_keys("gladly\n")
    assert soon(lambda: "text=gladly" in browser.current_url)
    browser.execute_script("document.activeElement.blur()")
    for key in "jjk":
        browser.find_element(CSS, body).send_keys(key)
    first = browser.find_element(CSS, ".lines a").get_attribute("href")

    assert before
    assert browser.switch_to.active_element.get_attribute("href") == first
    browser.switch_to.active_element.send_keys("\n")
    assert soon(lambda: "/row/" in browser.current_url)


def test_a_filter_exchanges_the_list_alone(browser: Any, site: Site):
    """The number of rows is that of the choice."""
    browser.get(f"{site.origin}/m/{site.mixture}/v/current/rows")
    choice = browser.find_element(CSS, "select[name=outcome] option[value=mixture]")
    number = choice.text.partition("(")[2].rstrip(")")
    choice.click()

    assert soon(lambda: text(browser, "#list h1").startswith(f"{number.replace(chr(0x202F), ',')} "))


def test_two_versions_are_compared(browser: Any, site: Site):
    """From the page of one, by its form."""
    browser.get(f"{site.origin}/m/{site.mixture}/v/{site.versions[1]}")
    browser.find_element(CSS, "form.inline button").click()

    assert soon(lambda: "rows added" in text(browser))
    assert "before=" in browser.current_url


def test_a_version_is_rolled_back_with_a_reason(browser: Any, site: Site):
    """The earlier one becomes current, and the record says why."""
    browser.get(f"{site.origin}/m/{site.mixture}/v/{site.versions[0]}")
    browser.find_element(CSS, "details.act summary").click()
    browser.find_element(CSS, "details.act input[name=why]").send_keys("the loss went up")
    browser.find_element(CSS, "details.act button").click()

    current = site.root / site.mixture / "CURRENT"
    assert soon(lambda: current.read_text().strip() == site.versions[0])
    assert soon(lambda: "the loss went up" in browser.page_source)
    assert f"/m/{site.mixture}" in browser.current_url


def test_a_row_is_judged_by_key(browser: Any, site: Site):
    """1 keeps the verdict and shows the next row; u goes back."""
    browser.get(f"{site.origin}/m/{site.mixture}/v/{site.versions[0]}/review")
    before = text(browser)
    browser.find_element(CSS, "body").send_keys("1")

    assert before.startswith("0 of")
    assert soon(lambda: text(browser).startswith("1 of"))
    browser.find_element(CSS, "body").send_keys("u")
    assert soon(lambda: "at=0" in browser.current_url)


def test_rows_that_one_brings_become_a_recipe(browser: Any, site: Site, tmp_path: Path):
    """A csv in no known layout goes up, and its recipe proposes two of its columns."""
    rows = tmp_path / "support.csv"
    rows.write_text("kunde,antwort\n" + "".join(f"where is {n}?,press track {n}\n" for n in range(9)))
    browser.get(f"{site.origin}/new")
    browser.find_element(CSS, "input[name=name]").send_keys("mine")
    browser.find_element(CSS, "input[type=file]").send_keys(str(rows))
    assert soon(lambda: "is here" in text(browser, "#uploading"))
    browser.find_element(CSS, "#begin button.main").click()

    assert soon(lambda: text(browser) == "mine")
    assert "question: kunde" in browser.find_element(CSS, "#yaml").get_attribute("value")


def pages(site: Site) -> list[str]:
    """Return the address of every page."""
    mixture, version = f"/m/{site.mixture}", f"/m/{site.mixture}/v/{site.versions[1]}"
    inside = ("", "/rows", f"/row/{site.lost}", "/review", "/hand-over")
    compared = f"{mixture}/compare?before={site.versions[0]}&after={site.versions[1]}"
    return ["/", "/new", "/runs", mixture, compared, "/nothing", *(version + page for page in inside)]


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_screen(browser: Any, site: Site, width: int):
    """Tables scroll in themselves."""
    resize(browser, width)
    wide = {}
    for page in pages(site):
        browser.get(site.origin + page)
        size = browser.execute_script("return document.documentElement.scrollWidth")
        if size > width:
            wide[page] = size
    resize(browser, 1280)

    browser.get_log("browser")  # the page that is not there is an entry
    assert wide == {}


def test_every_page_speaks_chinese(browser: Any, site: Site):
    """No key of the catalogue is shown in place of its sentence, and the choice stays."""
    browser.get(f"{site.origin}/language/zh")
    shown = {}
    for page in pages(site):
        browser.get(site.origin + page)
        assert browser.find_element(CSS, "html").get_attribute("lang") == "zh"
        shown[page] = any("\u4e00" <= letter <= "\u9fff" for letter in text(browser, "main"))
    browser.get(f"{site.origin}/language/en")

    browser.get_log("browser")  # as above
    assert [page for page, chinese in shown.items() if not chinese] == []
