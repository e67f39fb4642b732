"""What the workspace starts is a process of its own, and the page tells what became of it."""

import json
import sys
import time

import pytest

from tests.harness.workspace import ORIGIN, Browser
from thinkmix.flows.workspace import children
from thinkmix.flows.workspace.children import child, start
from thinkmix.flows.workspace.pages import run as run_page


@pytest.fixture
def quick(monkeypatch):
    """Start a small program in place of the command, because the command takes seconds to begin."""
    begin = children.subprocess.Popen

    def popen(arguments, **how):
        folder, *command = arguments[3:]
        program = (
            "import json, sys, time; folder, what = sys.argv[1:3]\n"
            "print('it says', what, flush=True)\n"
            "if what == 'wait': time.sleep(60)\n"
            "if what == 'die': sys.exit(0)\n"
            "told = {'exit_code': int(what), 'at': time.time()}\n"
            "open(folder + '/ended.json', 'w').write(json.dumps(told))\n"
        )
        return begin([sys.executable, "-S", "-c", program, folder, *command], **how)

    monkeypatch.setattr(children.subprocess, "Popen", popen)


def ended(root, name, *, within=10.0):
    """Return what became of a command, as soon as it is over."""
    until = time.monotonic() + within
    while (one := child(root, name)).status == "running" and time.monotonic() < until:
        time.sleep(0.02)
    return one


@pytest.mark.parametrize(
    ("what", "status"), [("0", "done"), ("3", "failed"), ("143", "stopped"), ("die", "killed")]
)
def test_a_run_says_how_it_ended(quick, tmp_path, what, status):
    """By its exit code, or by the lack of one."""
    one = ended(tmp_path, start(tmp_path, [what], kind="build", title="t"))

    assert one.status == status
    assert one.log == f"it says {what}\n"


def test_a_run_is_stopped_from_its_page(quick, tmp_path):
    """The process is asked to end, and asking again is a sentence."""
    browser = Browser(tmp_path)
    name = start(tmp_path, ["wait"], kind="build", title="t")

    assert browser.post(f"/run/{name}/stop").headers["location"] == f"/run/{name}"
    assert ended(tmp_path, name).status == "killed"  # this program does not note its end; the command does
    assert browser.post(f"/run/{name}/stop").status_code == 404


def test_a_workspace_that_only_shows_starts_nothing(built):
    """With --read-only the page offers no button, and its form is refused."""
    browser = Browser(built.version.parents[2], read_only=True)
    mixture = built.version.parents[1].name

    assert browser.post(f"/m/{mixture}/build").status_code == 409
    assert "form_token" not in browser.get(f"/m/{mixture}").text


def test_a_form_without_its_token_changes_nothing(built):
    """The cookie alone is not enough."""
    browser = Browser(built.version.parents[2])
    address = f"/m/{built.version.parents[1].name}/build"

    assert browser.client.post(address, data={"a": "b"}, headers={"Origin": ORIGIN}).status_code == 403
    assert (
        browser.client.post(address, content=b"x" * 1_000_001, headers={"Origin": ORIGIN}).status_code == 413
    )


def test_progress_is_read_while_it_is_written(tmp_path, quick):
    """Stages have rates, notes stay, and a line that is half written is passed over."""
    name = ended(tmp_path, start(tmp_path, ["0"], kind="build", title="t")).id
    events = [
        {"at": 1.0, "stage": "validate", "source": "a", "done": 0, "total": 100, "unit": "rows", "note": ""},
        {"at": 3.0, "stage": "validate", "source": "a", "done": 40, "total": 100, "unit": "rows", "note": ""},
        {
            "at": 3.0,
            "stage": "resolve",
            "source": "a",
            "done": 1,
            "total": 1,
            "unit": "files",
            "note": "<b>a</b>",
        },
    ]
    lines = "\n".join(map(json.dumps, events)) + '\n{"at": 4.0, "sta'
    (tmp_path / ".workspace/runs" / name / "events.jsonl").write_text(lines)

    (step,) = child(tmp_path, name).steps
    page = Browser(tmp_path).get(f"/run/{name}").text

    assert (step.done, step.rate, step.left) == (40, 20.0, 3.0)
    assert "&lt;b&gt;a&lt;/b&gt;" in page


def test_news_end_with_the_run_and_are_bounded(quick, tmp_path, monkeypatch):
    """A stream closes when the run is over, gives its place back, and one too many is refused."""
    browser = Browser(tmp_path)
    name = ended(tmp_path, start(tmp_path, ["0"], kind="build", title="t")).id

    for _ in range(run_page.STREAMS + 1):
        assert browser.get(f"/run/{name}/events").text.endswith("event: over\ndata: over\n\n")
    taken = [run_page._places.acquire(blocking=False) for _ in range(run_page.STREAMS)]

    refused = browser.get(f"/run/{name}/events")
    for _ in taken:
        run_page._places.release()

    assert all(taken)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
