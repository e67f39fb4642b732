"""Training and exports begin from a page, as the commands do them, and what they made is shown."""

import io
import zipfile

import pytest

from tests.harness.workspace import Browser
from thinkmix.flows.workspace import children
from thinkmix.flows.workspace.children import Point, child
from thinkmix.flows.workspace.curve import curve


@pytest.fixture
def started(monkeypatch):
    """Note what would be started."""
    commands = []
    begin = children.subprocess.Popen

    def popen(arguments, **how):
        commands.append(arguments[4:])
        return begin(["true"], **how)

    monkeypatch.setattr(children.subprocess, "Popen", popen)
    return commands


def test_a_training_is_the_command_that_its_page_shows(store_copy, started):
    """With the numbers of the form, and a folder of its own each time."""
    store = store_copy()
    version = next(store.glob("*/versions/*"))
    browser, address = Browser(store), f"/m/{version.parents[1].name}/v/{version.name}"
    fields = {"model": "tiny-random", "method": "qlora4", "max_steps": "5", "rank": ""}

    answer = browser.post(f"{address}/train", fields)
    refused = browser.post(f"{address}/train", {**fields, "max_steps": "-1; rm"})

    (command,) = started
    assert command[:2] == ["train", str(version)]
    assert command[4:] == ["--model", "tiny-random", "--method", "qlora4", "--max-steps", "5"]
    assert browser.get(answer.headers["location"]).status_code == 200
    assert refused.status_code == 400


def test_an_export_is_sent_as_a_zip_file(store_copy, started):
    """Of what lies in its folder; another trainer's name, and another folder's, are refused."""
    store = store_copy()
    version = next(store.glob("*/versions/*"))
    browser, address = Browser(store), f"/m/{version.parents[1].name}/v/{version.name}"

    run = browser.post(f"{address}/export", {"to": "trl"}).headers["location"].rpartition("/")[2]
    after = child(store, run).about.after
    folder = store / ".workspace/exported" / after.rpartition("/")[2]
    (folder / "data").mkdir(parents=True)
    (folder / "data/a.jsonl").write_text("{}\n")
    packed = zipfile.ZipFile(io.BytesIO(browser.get(after).content))

    assert started[0][:4] == ["export", str(version), "--to", "trl"]
    assert packed.namelist() == [f"{folder.name}/data/a.jsonl"]
    assert browser.post(f"{address}/export", {"to": "../x"}).status_code == 404
    assert browser.get("/exported/..%2Fruns").status_code == 404
    assert browser.get("/trained/nothing").status_code == 404


def test_a_curve_has_its_least_loss_at_the_foot():
    """The last step at the right edge; no number, no place; fewer than two points are no curve."""
    losses = [Point(step=1, loss=4.0), Point(step=2, loss=float("nan")), Point(step=4, loss=2.0)]

    drawn = curve(losses, [Point(step=4, loss=3.0)])

    assert drawn is not None
    assert (drawn.low, drawn.high, drawn.last) == (2.0, 4.0, 4)
    assert drawn.line.split() == ["194.0,8.0", "632.0,184.0"]
    assert drawn.heldout == "632.0,96.0"
    assert curve(losses[:1], []) is None
