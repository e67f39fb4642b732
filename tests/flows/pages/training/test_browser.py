"""A training's pages in a headless Chromium: they fit desk and phone, and no text in them does anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.pages.test_page_browser import OPEN_ALL, OVERLAPS, harmless, show
from tests.flows.pages.test_report import EVIL
from tests.flows.pages.training.test_page import evil, failed
from tests.harness.browser import chromium, resize
from tests.harness.trained import clock, curve, manifest, trained
from thinkmix.flows.pages.training.page import render_page

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium's own sockets


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[object]:
    """One Chromium for all tests of this file."""
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        running.get("about:blank")
        yield running


def pages(text=lambda string: string):
    """Return the page of a finished run and that of a failed one."""
    whole = render_page(trained(text=text), clock(text=text), manifest(text=text))
    told = {name: text(name) for name in ("mixture", "version", "model")}
    return whole, failed(points=curve(text=text)[:4], **told)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_and_their_words_do_not_overlap(width: int, scheme: str, browser, tmp_path: Path):
    """On a desk and on a phone nothing is wider than the window, and no label of a chart lies on another."""
    resize(browser, width, scheme=scheme)
    for page in pages():
        show(browser, page, tmp_path)
        browser.execute_script(OPEN_ALL)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(OVERLAPS) == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("word", ["x" * 300, "数" * 300])
def test_long_words_do_not_widen_the_pages(width: int, word: str, browser, tmp_path: Path):
    """Texts without a space in them are broken or cut, wherever they stand."""
    resize(browser, width)
    for page in pages(lambda string: f"{string}{word}"):
        show(browser, page, tmp_path)
        browser.execute_script(OPEN_ALL)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("start", range(0, len(EVIL), 14))
def test_evil_texts_in_fields_and_charts_do_nothing(start: int, browser, tmp_path: Path):
    """With another string in every free field: no dialog, no request, no other tag, and it is shown."""
    text = evil(start)
    whole, broken = pages(text)
    assert text("NVIDIA GeForce RTX 4090") in harmless(browser, whole, tmp_path)
    assert text("model") in harmless(browser, broken, tmp_path)
