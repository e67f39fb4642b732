"""A build from Prefect's form in a real browser: filled in by hand, started, seen to its end."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.builders import ROOT
from tests.harness.prefect_server import Api, running, server, wait_for
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.manifest import Manifest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"),
    *("disable-background-networking", "disable-component-update", "window-size=1180,1500"),
)

pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # selenium's own sockets
]


class Page:
    """The form of a deployment, as a person meets it: fields by the words beside them."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver  # noqa: PLC0415 - only where there is a browser

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        self.browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))

    def find(self, path: str) -> object:
        """Return the first element at an XPath once it is there."""
        found = wait_for(lambda: self.browser.find_elements("xpath", path), 60)
        assert found, self.browser.find_element("tag name", "body").text[:2000]
        return found[0]

    def fill(self, label: str, words: object) -> None:
        """Put words into a field in place of those it holds."""
        name = self.find(f"//label[starts-with(normalize-space(), '{label}')]").get_attribute("for")
        field = self.find(f"//*[@id='{name}']")
        field.send_keys("\ue009a\ue000", str(words))  # control and a, to write over all of it

    def save(self, picture: Path) -> None:
        """Take a picture of the top of the form."""
        self.browser.execute_script("document.querySelectorAll('*').forEach(e => { e.scrollTop = 0 })")
        self.browser.execute_script("document.activeElement.blur()")
        time.sleep(1)
        self.browser.save_screenshot(str(picture))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A fresh browser."""
    opened = Page(tmp_path / "profile")
    try:
        yield opened
    finally:
        opened.browser.quit()


@pytest.fixture
def server_with_pages(tmp_path: Path) -> Iterator[Api]:
    """A server that shows pages, too."""
    (tmp_path / "home").mkdir()
    with server(tmp_path / "home", ui=True) as api:
        yield api


def test_build_is_started_from_the_form(server_with_pages: Api, page: Page, tmp_path: Path):
    """What is filled in is what is built; the sources are shown as what they are, with their sentences."""
    api, store = server_with_pages, tmp_path / "store"
    stated = ROOT / "data" / "recipes" / "sample-7-3.yaml"
    command = (
        "-c",
        "from thinkmix.flows.cli import main; main()",
        "serve",
        stated,
        "--store",
        store,
        "--workers",
        1,
    )
    with running(tmp_path / "serve.log", *command, env=api.env):
        (known,) = wait_for(lambda: api.ask("deployments/filter", {}), 90)
        page.browser.get(f"{api.url.removesuffix('/api')}/v2/deployments/deployment/{known['id']}/run")
        chosen = "//*[@role='tab'][@aria-selected='true'][normalize-space()='LocalSource']"
        page.find(f"({chosen})[3]")
        page.find("//p[normalize-space()='Which assistant turns become training examples.']")
        page.fill("Run Name", "from-the-form")
        page.fill("Title", "Filled in by hand")
        page.fill("Max Tokens", 2048)
        page.fill("Eval Share", 0.05)
        if picture := os.environ.get("THINKMIX_PICTURE"):
            page.save(Path(picture))
        page.find("//button[@type='submit']").click()
        started = wait_for(lambda: api.runs(name={"any_": ["from-the-form"]}), 60)
        assert started, page.browser.find_element("tag name", "body").text[-2000:]
        ended = api.ended(started[0]["id"], 200)
    assert ended["state_type"] == "COMPLETED", ended["state"]
    version = open_version(store / "sample-7-3")
    assert problems(version) == []
    built = Manifest.model_validate_json((version / "manifest.json").read_bytes()).recipe
    assert (built["title"], built["max_tokens"]) == ("Filled in by hand", 2048)
    assert built["mix"]["eval_share"] == 0.05
