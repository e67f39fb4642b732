"""A training's pages in a headless Chromium: they fit desk and phone, and no text in them does anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.pages.test_page_browser import FONT, FONTS, OPEN_ALL, OVERLAPS, TONES, harmless, show
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
        for font in FONTS:
            browser.execute_script(FONT, font)
            assert browser.execute_script(OVERLAPS) == [], font


@pytest.mark.parametrize("steps", [1, 3, 1000, 120_000])
def test_words_of_runs_of_any_length_do_not_overlap(steps: int, browser, tmp_path: Path):
    """A run of one step, and one of a hundred thousand, whose steps are large numbers."""
    losses = [2 + 1 / (step + 1) for step in range(steps)]
    plan = trained().plan.model_copy(update={"max_steps": steps, "learning_rate": 3e-7})
    counts = trained().counts.model_copy(update={"steps": steps})
    page = render_page(trained(losses=losses, plan=plan, counts=counts), None, None)
    resize(browser, 390)
    show(browser, page, tmp_path)
    for font in FONTS:
        browser.execute_script(FONT, font)
        assert browser.execute_script(OVERLAPS) == [], font


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_have_the_colours_of_the_page(scheme: str, browser, tmp_path: Path):
    """Lines, bands and dots have their colour, of the light page or of the dark one."""
    resize(browser, 1280, scheme=scheme)
    show(browser, pages()[0], tmp_path)
    tones = browser.execute_script(TONES)
    assert len({want for want, _ in tones}) == 5
    assert [pair for pair in tones if pair[0] != pair[1]] == []


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
