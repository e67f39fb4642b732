"""The pages of the workspace tell what the commands tell, and an address is never a path."""

import re
from pathlib import Path

import polars as pl
import pytest

from tests.harness.workspace import Browser
from thinkmix.flows.inspect.row_index import Filter, find_rows
from thinkmix.flows.inspect.rows import Rows
from thinkmix.flows.workspace.access import COOKIE
from thinkmix.flows.workspace.words import LANGUAGES, catalogue

TEMPLATES = Path(__file__).parents[3] / "templates/workspace"


def test_home_says_which_mixtures_may_be_trained_on(browser, built):
    """The first line counts them, and each has a card."""
    page = browser.get("/").text

    assert "1 of 1 mixtures may be trained on" in page
    assert built.version.name[:12] in page


def test_an_empty_store_says_how_to_begin(tmp_path):
    """Who has no mixture yet reads what to do."""
    assert "thinkmix build sample-7-3" in Browser(tmp_path).get("/").text


def test_damage_is_a_sentence_on_its_card(store_copy):
    """A mixture whose CURRENT names nothing has its card and its page, and takes home away from no other."""
    store = store_copy()
    current = next(store.glob("*/CURRENT"))
    current.write_text("nothing\n")

    for address in ("/", f"/m/{current.parent.name}"):
        page = Browser(store).get(address)

        assert page.status_code == 200
        assert "does not name a version" in page.text


@pytest.mark.parametrize("ended", ["", "published", "failed"])
def test_a_mixture_lists_its_runs(browser, address, ended):
    """All of them, or those that ended in one way."""
    page = browser.get(f"{address.split('/v/')[0]}?ended={ended}")

    assert page.status_code == 200
    assert ("No run ended like this" in page.text) == (ended == "failed")


def test_rows_are_counted_as_the_ledger_counts_them(version):
    """Every raw row has one line in the index, in the mixture or left out for its reason."""
    counted = Rows(version).outcomes.group_by("reason").len().collect()
    expected = dict(counted.iter_rows())

    assert find_rows(version, Filter()).total == sum(expected.values())
    assert find_rows(version, Filter(outcome="mixture")).total == expected.pop(None)
    assert {reason: find_rows(version, Filter(reason=reason)).total for reason in expected} == expected


def test_text_is_found_in_the_mixture_and_among_what_was_left_out(version):
    """A search finds exactly the rows whose examples or raw texts hold the words, in any letter case."""
    rows = Rows(version)
    word = rows.examples.select("completion").head(1).collect().item().split()[0]
    holds = pl.col("completion").str.to_lowercase().str.contains(word.lower(), literal=True) | pl.col(
        "prompt"
    ).str.to_lowercase().str.contains(word.lower(), literal=True)
    mixed = set(rows.examples.filter(holds).collect()["conversation_id"])
    raw = pl.col("content").str.to_lowercase().str.contains(word.lower(), literal=True)
    lost = set(rows.rejects.filter(raw).collect()["id"])

    found = find_rows(version, Filter(text=word.upper()), count=100_000)

    assert {line.id for line in found.rows} == mixed | lost


def test_pages_of_rows_cover_all_of_them_once(version):
    """Page after page, no row is twice or never, in any order."""
    for sort in ("", "-tokens", "text_bytes"):
        total = find_rows(version, Filter(sort=sort)).total
        seen = [
            (line.source, line.file, line.row)
            for first in range(0, total, 50)
            for line in find_rows(version, Filter(sort=sort), first=first).rows
        ]

        assert (len(seen), len(set(seen))) == (total, total)


def test_a_search_without_hits_says_which_condition_to_take_away(browser, address):
    """An empty list offers the same search with one condition less."""
    page = browser.get(f"{address}/rows?outcome=mixture&reason=near_dup").text

    assert "Take one condition away" in page


def test_a_row_page_says_why_it_is_out(browser, address, version):
    """The first line of a row that was left out names stage, reason and its sentence."""
    lost = Rows(version).outcomes.filter(pl.col("reason").is_not_null()).head(1).collect()

    page = browser.get(f"{address}/row/{lost['id'].item()}").text

    assert f"Left out at {lost['stage'].item()} as {lost['reason'].item()}" in page


NOWHERE = (
    "/m/..%2F..%2Fetc",
    "/m/nothing",
    "/m/{m}/v/zz",
    "/m/{m}/v/%2e%2e",
    "/m/{m}/v/ffffffffffff",
    "/m/{m}/run/%2e%2e",
    "/m/{m}/v/current/rows?page=x",
    "/m/{m}/v/current/rows?sort=evil",
    "/m/{m}/v/current/row/zz",
    "/m/{m}/v/run-x/rows",
    "/static/../app.py",
    "/language/xx",
)


@pytest.mark.parametrize("address", NOWHERE)
def test_an_address_that_means_nothing_is_a_page(browser, built, address):
    """It answers 404 with a sentence, never an error or a file."""
    answer = browser.get(address.replace("{m}", built.version.parents[1].name))

    assert answer.status_code == 404
    assert "cannot be shown" in answer.text


def test_both_languages_say_everything():
    """No catalogue lacks a sentence, or a place for a value, that the English one has."""
    english = catalogue("en")
    for language in LANGUAGES:
        other = catalogue(language)
        keys = {key for key in english if not key.endswith("_one")}

        assert keys <= other.keys() <= english.keys()
        fields = {key: set(re.findall(r"{(\w+)}", english[key])) for key in keys}
        assert {key: set(re.findall(r"{(\w+)}", other[key])) for key in keys} == fields


def test_every_sentence_of_a_template_is_in_the_catalogue():
    """A key that a template names exists, and each key is named by some template."""
    text = "".join(path.read_text() for path in TEMPLATES.glob("*.jinja"))
    code = "".join(path.read_text() for path in (TEMPLATES.parents[1] / "flows/workspace").rglob("*.py"))
    named = set(re.findall(r"""t(?:\.count)?\("([a-z_]+\.[a-z_]+)"[,)]""", text))
    opened = set(re.findall(r"""t\("([a-z_]+\.)" ~""", text))  # what follows is a value
    known = catalogue("en").keys()

    assert named <= known
    mentioned = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', text))
    unused = {key for key in known if key not in mentioned and key.split(".")[0] + "." not in opened}
    assert {key for key in unused if f'"{key}"' not in code and not key.endswith("_one")} == set()


def test_the_language_is_kept(browser):
    """Who chooses Chinese reads Chinese from then on."""
    chosen = browser.get("/language/zh?to=/").headers
    kept = f"{COOKIE}={browser.access.token}; {chosen['set-cookie'].split(';')[0]}"

    assert chosen["location"] == "/"
    assert '<html lang="zh">' in browser.client.get("/", headers={"Cookie": kept}).text
