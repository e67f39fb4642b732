"""The review queue keeps the verdicts of `thinkmix review`, one row after the other."""

import re
from html import unescape

from tests.harness.workspace import Browser
from thinkmix.flows.inspect.review import open_review


def fields_of(page: str) -> dict[str, str]:
    """Return the hidden fields of the form."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def test_rows_are_judged_one_after_the_other(store_copy):
    """Each verdict is in the store, and the page goes on to a row that nobody has judged."""
    store = store_copy()
    version = next(store.glob("*/versions/*"))
    browser, address = Browser(store), f"/m/{version.parents[1].name}/v/{version.name}/review"
    seen = []
    for opinion in ("keep", "drop", "unsure"):
        asked = fields_of(browser.get(address).text)
        seen.append((asked["id"], asked["reason"], opinion))
        assert browser.post(address, {**asked, "verdict": opinion, "who": "Ann"}).status_code == 303

    verdicts = open_review(version).verdicts

    assert [(said.id, said.reason, said.verdict) for said in verdicts.values()] == seen
    assert {said.who for said in verdicts.values()} == {"Ann"}
    assert "3 of" in browser.get(address).text


def test_a_verdict_on_a_row_that_is_not_asked_about_is_refused(store_copy):
    """Nor can anyone say what the question does not offer."""
    store = store_copy()
    version = next(store.glob("*/versions/*"))
    browser, address = Browser(store), f"/m/{version.parents[1].name}/v/{version.name}/review"
    asked = fields_of(browser.get(address).text)

    assert browser.post(address, {**asked, "id": "x", "verdict": "keep"}).status_code == 404
    assert browser.post(address, {**asked, "verdict": "right"}).status_code == 404
    assert not open_review(version).verdicts
