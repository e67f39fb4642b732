"""A recipe is written, shown, changed and built in the browser, and nothing typed is lost."""

import json

import pytest
import yaml

from tests.harness.workspace import ORIGIN, Browser
from thinkmix.flows.inspect.checking import Check
from thinkmix.flows.inspect.checking import check as checked
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.workspace import looks, uploads
from thinkmix.flows.workspace.drafts import columns_asked, open_draft, restate
from thinkmix.flows.workspace.pages.recipe import _figures
from thinkmix.schemas.errors import NotFound
from thinkmix.schemas.formats.recognition import FORMATS

ROWS = "kunde,antwort,topic\n" + "".join(
    f"where is order {place}?,press track on the page of order {place},delivery\n" for place in range(30)
)


@pytest.fixture
def unlooked(monkeypatch):
    """Begin no process that looks at rows: a test that wants to know looks itself."""
    monkeypatch.setattr(looks, "_start", lambda recipe, root, part, seen: part.touch())


@pytest.fixture
def browser(tmp_path, unlooked):
    """The workspace over an empty store, with a folder of files."""
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "support.csv").write_text(ROWS)
    (folder / "chat.jsonl").write_text(json.dumps({"prompt": "What is it?", "response": "A row."}) + "\n")
    (folder / ".hidden.csv").write_text(ROWS)
    (folder / "out.csv").symlink_to("/etc/passwd")
    return Browser(tmp_path / "store", folders=(folder,))


def begin(browser, name="mine", **fields):
    """Begin a recipe over the file of that name."""
    return browser.post("/new", {"name": name, **fields})


def chosen(browser, file):
    """Return the field of a file that is picked."""
    return {f"file:{browser.app.state.folders[0] / file}": "1"}


def stated(browser, name="mine"):
    """Return what a recipe says."""
    return yaml.safe_load((browser.app.state.store.root / ".workspace/recipes" / f"{name}.yaml").read_text())


def test_only_files_of_the_named_folders_are_offered(browser):
    """Neither hidden ones nor what a link leads out to, and no other can be picked."""
    page = browser.get("/new").text

    assert "rows/support.csv" in page
    assert "hidden.csv" not in page
    assert "out.csv" not in page
    assert "not among the files" in browser.post("/new", {"name": "a", "file:/etc/passwd": "1"}).text


def test_rows_in_a_known_layout_become_a_recipe(browser):
    """The format is recognised, and the recipe opens."""
    answer = begin(browser, **chosen(browser, "chat.jsonl"))

    assert answer.headers["location"] == "/recipe/mine"
    assert stated(browser)["name"] == "mine"
    assert stated(browser)["sources"][0]["format"] == {
        "type": "qa",
        "question": "prompt",
        "answer": "response",
    }


def test_columns_of_an_unknown_layout_are_chosen_in_a_form(browser):
    """Two columns of text are proposed, and the form changes them."""
    begin(browser, **chosen(browser, "support.csv"))
    before = open_draft(browser.app.state.store.root, "mine").digest

    browser.post(
        "/recipe/mine",
        {
            "before": before,
            "source.0.format": "qa",
            "source.0.column.question": "topic",
            "share.support": "2",
        },
    )

    assert stated(browser)["sources"][0]["format"] == {"type": "qa", "question": "topic", "answer": "antwort"}
    assert stated(browser)["mix"]["shares"] == {"support": 2}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "choose a file"),
        ({"name": "../up"}, "cannot be called"),
        ({"name": "sample-7-3"}, "already"),
        ({"hub": "/etc/passwd"}, "not the id of a set"),
        ({"hub": "../../etc"}, "not the id of a set"),
        ({"recipe": "nothing"}, "there is no recipe"),
    ],
)
def test_what_is_wrong_is_said_above_the_form(browser, fields, says):
    """And the form still holds what was typed."""
    page = browser.post("/new", {"name": "mine", **fields})

    assert page.status_code == 400
    assert says in page.text
    assert f'value="{fields.get("name", "mine")}"' in page.text


def test_a_shipped_recipe_is_copied_with_its_files(browser):
    """Its patterns mean the same files from the folder of the workspace."""
    begin(browser, recipe="sample-7-3")
    path = browser.app.state.store.root / ".workspace/recipes/mine.yaml"

    located, shipped = load(str(path)), load("sample-7-3")

    assert located.recipe.mix == shipped.recipe.mix
    assert [one.matches(located.base).matched for one in located.recipe.sources]


def test_two_tabs_do_not_overwrite_each_other(browser):
    """The second save is refused, and its page holds what was typed."""
    begin(browser, recipe="sample-7-3")
    before = open_draft(browser.app.state.store.root, "mine").digest
    first = browser.post("/recipe/mine", {"before": before, "title": "first"})
    second = browser.post("/recipe/mine", {"before": before, "title": "second"})

    assert (first.status_code, second.status_code) == (303, 409)
    assert stated(browser)["title"] == "first"
    assert "changed elsewhere" in second.text
    assert "title: second" in second.text


def test_a_recipe_that_is_wrong_is_not_saved(browser):
    """Its page says what is wrong, field by field, and keeps the text."""
    begin(browser, recipe="sample-7-3")
    before = open_draft(browser.app.state.store.root, "mine").digest

    page = browser.post("/recipe/mine", {"before": before, "yaml": "name: mine\nsources: []\nmix: 7\n"})

    assert page.status_code == 409
    assert "sources" in page.text
    assert "mix: 7" in page.text
    assert stated(browser)["sources"]


def test_a_form_changes_only_what_it_names(browser):
    """An unfilled form is the recipe that it was made from, and other settings stay."""
    text = (load("sample-7-3").base / "sample-7-3.yaml").read_text()
    recipe = yaml.safe_load(text)
    recipe["rules"] = {"repetition": {"action": "flag", "above": 0.5}}

    assert yaml.safe_load(restate(recipe, {})) == recipe
    changed = yaml.safe_load(
        restate(recipe, {"rule.repetition": "off", "gate.rows": "fail", "mix.size": "10"})
    )
    assert changed["rules"]["repetition"] == {"action": "off", "above": 0.5}
    assert changed["gates"] == {"rows": "fail"}
    assert changed["mix"]["size"] == 10
    assert yaml.safe_load(restate(changed, {"gate.rows": "", "mix.size": ""})) == {
        **recipe,
        "rules": changed["rules"],
    }


def test_every_format_names_its_columns():
    """A column that a form offers is a setting of the format."""
    for format in FORMATS:
        kind = format.model_fields["type"].default
        assert set(columns_asked(kind)) <= set(format.model_fields)
    assert {"question", "answer"} <= set(columns_asked("qa"))


def test_figures_agree_with_the_estimate(sources, tmp_path):
    """What the shares come to is what `thinkmix check` says, and the parts of each figure are a whole."""
    located = load("sample-7-3")
    seen: Check = checked(located, name="sample-7-3", downloads=tmp_path, examples=3)

    figures = _figures(located.recipe.mix.model_dump(mode="json"), seen)

    assert figures is not None
    assert seen.estimate is not None
    assert (figures.size, figures.limited_by) == (seen.estimate.size, seen.estimate.limited_by)
    for place in range(1, 5):
        assert sum(part[place] for part in figures.parts) == pytest.approx(1)
    assert {part.source: round(part.examples, 9) for part in figures.parts} == located.recipe.mix.shares
    assert [len(one.preview.shown) for one in seen.sources] == [3, 3, 3]
    assert all(one.columns for one in seen.sources)


def put(browser, name, content, **headers):
    """Send a file as the page does."""
    return browser.client.put(
        "/upload",
        params={"name": name},
        content=content,
        headers={"Origin": ORIGIN, "X-Form-Token": browser.access.form_token, **headers},
    )


def test_an_upload_is_kept_whole_beside_others(browser):
    """A second file of one name does not replace the first, which a recipe may name."""
    names = [put(browser, "../../up.csv", ROWS.encode()).json()["name"] for _ in range(2)]

    assert names == ["up.csv", "up-2.csv"]
    assert {path.read_text() for path in uploads.uploads(browser.app.state.store.root).iterdir()} == {ROWS}


@pytest.mark.parametrize("name", ["a.exe", "..", "", ".csv/..", "a\x00.csv.sh"])
def test_an_upload_of_another_kind_is_refused(browser, name):
    """Nothing of it stays."""
    assert put(browser, name, b"x").status_code == 404
    assert not uploads.uploads(browser.app.state.store.root).exists()


def test_an_upload_has_a_bound(browser, monkeypatch):
    """One that is announced as larger is refused before it comes, one that grows beyond it in between."""
    monkeypatch.setattr(uploads, "LARGEST", 1000)

    announced = put(browser, "a.csv", b"x" * 1001)
    grown = put(browser, "a.csv", (b"x" * 400 for _ in range(10)))

    assert (announced.status_code, grown.status_code) == (400, 400)
    assert "--files" in grown.text
    assert not list(uploads.uploads(browser.app.state.store.root).glob("*"))


def test_an_upload_needs_the_token(browser):
    """The cookie alone uploads nothing."""
    assert put(browser, "a.csv", b"x", **{"X-Form-Token": "x"}).status_code == 403


def test_a_name_is_never_a_path():
    """Whatever a browser calls a file, it lies in the folder of the uploads."""
    assert uploads.safe_name("C:\\rows\\..\\My rows.CSV".replace("CSV", "csv")) == "My-rows.csv"
    with pytest.raises(NotFound):
        uploads.safe_name("/")
