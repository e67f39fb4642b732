"""The page in a headless Chromium: it fits a desk and a phone, and whatever a row says, nothing happens."""

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.flows.pages.test_report import EVIL, TAGS
from tests.harness.browser import chromium, resize
from tests.harness.reports import flooded, full_run
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.report.page import render_page
from thinkmix.schemas.report import Report

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium's own sockets

OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true;"

OVERLAPS = """
const found = [];
for (const svg of document.querySelectorAll('svg')) {
  const texts = [...svg.querySelectorAll('text')].filter(one => one.textContent.trim())
    .map(one => [one.textContent, one.getBoundingClientRect()]).filter(([, box]) => box.width);
  texts.forEach(([a, one], i) => texts.slice(i + 1).forEach(([b, two]) => {
    const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
    const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
    if (wide > 1 && high > 4) found.push(`${a} / ${b}`);
  }));
  const frame = svg.getBoundingClientRect();
  for (const [a, box] of texts)
    if (box.left < frame.left - 3 || box.right > frame.right + 3) found.push(`${a} leaves its picture`);
}
return found;
"""

FONTS = ("", "monospace", "DejaVu Sans")
"""The page's own, and two that are wider than most."""

FONT = "document.body.style.fontFamily = arguments[0]"

TONES = """
const style = getComputedStyle(document.documentElement);
const ground = document.createElement('i');
document.body.append(ground);
const shown = name => {
  ground.style.color = style.getPropertyValue(name);
  return getComputedStyle(ground).color;
};
const all = [...document.querySelectorAll('svg :is(rect, circle, path)')];
return all.filter(one => one.checkVisibility()).map(one => {
  const own = one.closest('[class*=k0], [class*=k1], [class*=k2], [class*=k3], [class*=k4], [class*=k5]');
  const place = own && [...own.classList].find(name => name[0] == 'k');
  const looks = getComputedStyle(one);
  return [place ? shown('--c' + place[1]) : null, one.matches('.line, .ring') ? looks.stroke : looks.fill];
}).filter(([want]) => want);
"""

FACTS = """
const all = [...document.querySelectorAll('*')];
return [
  [...new Set(all.map(one => one.localName.toLowerCase()))],
  [...new Set(all.flatMap(one => [...one.attributes].map(each => each.name)))],
  document.body.textContent,
];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[object]:
    """One Chromium for all tests of this file."""
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        running.get(
            "about:blank"
        )  # a fresh browser's own first page is not to be taken for a request of ours
        yield running


@pytest.fixture(scope="module")
def report(built: Built) -> Report:
    """The report of the small version."""
    return built.run.report


def asked_for(browser) -> list[str]:
    """Return the addresses that the browser asked for since it was last asked, whatever came of them."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [entry["params"] for entry in messages if entry["method"] == "Network.requestWillBeSent"]
    asked = [entry["request"]["url"] for entry in sent]
    return [url for url in asked if url not in ("data:,", "about:blank")]


def show(browser, page: str, folder: Path) -> str:
    """Open a page from the disk and return its address."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    browser.get(path.as_uri())
    return path.as_uri()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_and_its_words_do_not_overlap(width: int, scheme: str, browser, report, tmp_path: Path):
    """On a desk and on a phone nothing is wider than the window, and no label of a chart lies on another."""
    resize(browser, width, scheme=scheme)
    show(browser, render_page(full_run(report)), tmp_path)
    browser.execute_script(OPEN_ALL)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for font in FONTS:
        browser.execute_script(FONT, font)
        assert browser.execute_script(OVERLAPS) == [], font


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_have_the_colours_of_the_page(scheme: str, browser, report, tmp_path: Path):
    """Bars, bands and blocks of a source have its colour, of the light page or of the dark one."""
    resize(browser, 1280, scheme=scheme)
    show(browser, render_page(full_run(report)), tmp_path)
    tones = browser.execute_script(TONES)
    assert len({want for want, _ in tones}) == 2
    assert [pair for pair in tones if pair[0] != pair[1]] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_long_words_do_not_widen_the_page(width: int, browser, report, tmp_path: Path):
    """Texts without a space in them are broken or cut, wherever they stand."""
    words = cycle(["x" * 300, "数" * 300])
    resize(browser, width)
    show(browser, render_page(flooded(full_run(report), lambda: next(words))), tmp_path)
    browser.execute_script(OPEN_ALL)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_readable_on_their_ground(scheme: str, browser, report, tmp_path: Path):
    """Text of every tone has a contrast of 4.5 to 1 or more, in light and in dark."""
    resize(browser, 1280, scheme=scheme)
    show(browser, render_page(full_run(report)), tmp_path)
    tones = browser.execute_script(
        "const style = getComputedStyle(document.documentElement);"
        "const tone = name => style.getPropertyValue('--' + name).trim();"
        "return Object.fromEntries(arguments[0].map(name => [name, tone(name)]))",
        ["paper", "ink", "soft", "tint", "on", "mark", "mark-ink", *(f"c{n}" for n in range(6))]
        + [f"{level}{kind}" for level in ("good", "warn", "bad") for kind in ("", "-tint")],
    )
    pairs = [("ink", "paper"), ("soft", "paper"), ("ink", "tint"), ("soft", "tint"), ("mark-ink", "mark")]
    pairs += [(level, ground) for level in ("good", "warn", "bad") for ground in ("paper", f"{level}-tint")]
    pairs += [("on", f"c{number}") for number in range(6)]
    assert [pair for pair in pairs if _contrast(tones[pair[0]], tones[pair[1]]) < 4.5] == []


def harmless(browser, page: str, folder: Path) -> str:
    """Return the text of a page, after looking that nothing in it runs, asks for anything, or is not ours."""
    asked_for(browser)
    address = show(browser, page, folder)
    browser.execute_script(OPEN_ALL)
    tags, attributes, text = browser.execute_script(FACTS)  # an open dialog would raise here
    assert set(tags) <= TAGS
    assert [name for name in attributes if name.startswith("on")] == []
    assert asked_for(browser) == [address]
    return text


@pytest.mark.parametrize("first", range(0, len(EVIL), 14))
def test_evil_texts_in_fields_and_charts_do_nothing(first: int, browser, report, tmp_path: Path):
    """With another string in every free field: all are there as text, no dialog, no request, no other tag."""
    strings = cycle(EVIL[first:] + EVIL[:first])
    text = harmless(browser, render_page(flooded(full_run(report), lambda: next(strings))), tmp_path)
    assert [string for string in EVIL if string not in text] == []


@pytest.mark.deep
@pytest.mark.parametrize("string", EVIL)
def test_one_evil_text_in_every_field_does_nothing(string: str, browser, report, tmp_path: Path):
    """With one string in all free fields: it is there as text, no dialog, no request, no other tag."""
    assert string in harmless(
        browser, render_page(flooded(full_run(report, blocked=False), lambda: string)), tmp_path
    )


def test_print_shows_the_checks_that_passed(browser, report, tmp_path: Path):
    """On paper, where nobody can open anything, tables and passed checks are open."""
    resize(browser, 720, media="print")
    show(browser, render_page(full_run(report)), tmp_path)
    shown = "return document.querySelector('.passed li').checkVisibility({contentVisibilityAuto: true})"
    high = "return document.querySelector('.passed li').getBoundingClientRect().height"
    assert browser.execute_script(shown)
    assert browser.execute_script(high) > 0


def _contrast(one: str, two: str) -> float:
    """Return the contrast of two colours in hexadecimal, as WCAG defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
