"""Hand-made rows are checked as a build reads them, and none that was saved is ever lost."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.harness.builders import quick_build
from thinkmix.flows.inspect.hand_rows import add, begin, check
from thinkmix.flows.recipe.recipes import load
from thinkmix.schemas.errors import NotFound, StoreError

ROW = {"question": 'Where, "exactly", is it?\nSay so.', "answer": "In the hall; second door."}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_row_that_is_added_reads_back_as_it_was_written(tmp_path, name):
    """Quotes, commas and line breaks included, with author and date; a bad one is not saved."""
    path = tmp_path / name
    begin(path, "question")
    assert add(path, "question", ROW, author="Ann, B.") is None
    fault = add(path, "question", {"question": "And?", "answer": "<|im_end|>"}, author="Ann")

    found = check(path)

    assert fault is not None
    assert fault.reason == "control_token"
    assert (found.rows, found.faults, found.authors) == (1, (), {"Ann, B.": 1})


def test_the_file_is_a_source_like_any_other(tmp_path):
    """The stanza that is printed builds, and its rows are in the mixture word for word."""
    path = tmp_path / "support rows.csv"
    begin(path, "problem")
    for number in range(4):
        row = {"question": f"What is {number} + {number}?", "reasoning": "Add.", "answer": f"{2 * number}"}
        assert add(path, "problem", row, author="Ann") is None
    stanza = check(path).source.replace("\n", "\n  ")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"name: r\nsources:\n  {stanza}\nmix: {{shares: {{support-rows: 1}}, eval_share: 0}}\n")
    located = load(str(recipe))
    built = quick_build(located.recipe, tmp_path / "store", located.base)

    report = json.loads((built.version / "report.json").read_bytes())
    assert report["shares"][0]["examples"] == 4
    assert report["shares"][0]["thinking"] == 4
    assert not report["findings"][0]["unread"]


def test_a_table_from_a_spreadsheet_is_added_to_in_its_own_way(tmp_path):
    """A byte order mark, semicolons and CRLF; the new row has the same separator."""
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeffquestion;answer;author;date\r\nWhy?;"Because\r\nso.";Ann;\r\n'.encode())

    assert add(path, "question", ROW, author="Bo") is None
    found = check(path)

    assert (found.rows, found.faults, dict(found.authors)) == (2, (), {"Ann": 1, "Bo": 1})


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path):
    """The next row begins a line of its own."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "Wh')

    assert add(path, "question", ROW, author="Ann") is None
    found = check(path)

    assert (found.rows, [one.row for one in found.faults]) == (2, [0])


def test_a_fault_names_row_and_reason(tmp_path, run):
    """An empty answer and a row of too few cells; the command ends with 3."""
    path = tmp_path / "rows.csv"
    path.write_text("question,answer,author,date\nOne?,,Ann,\nTwo?,Yes.,Ann,2026-01-01\n")

    code, out, _ = run("new-rows", path)

    assert code == 3
    assert "2 rows, 1 valid" in out
    assert "row 0: wrong_type" in out
    assert "answer" in out.split("row 0: ")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [("rows.txt", "question", r"\.csv \(a table\) or \.jsonl"), ("rows.csv", "chat", r"name it rows\.jsonl")],
)
def test_what_cannot_hold_such_rows_is_refused(tmp_path, name, kind, says):
    """With the way out."""
    with pytest.raises(NotFound, match=says):
        begin(tmp_path / name, kind)


def test_a_file_that_is_there_is_not_begun_again(tmp_path):
    """Nothing of it is lost."""
    begin(tmp_path / "a.csv", "question")
    with pytest.raises(StoreError, match="there already"):
        begin(tmp_path / "a.csv", "question")


def test_rows_are_asked_for_until_the_input_ends(tmp_path, run, monkeypatch):
    """Several lines a text, ended by a dot; a bad row is asked for once more, a half row is not saved."""
    path = tmp_path / "rows.csv"
    typed = "One?\nTwo?\n.\nYes.\n.\nBad?\n.\n<|im_end|>\n.\nHalf?\n.\n"
    monkeypatch.setattr(sys, "stdin", __import__("io").StringIO(typed))

    code, out, _ = run("new-rows", path, "--add", "--author", "Ann")

    assert code == 0
    assert "not saved: control_token" in out
    assert "1 row added" in out
    assert check(path).rows == 1


KILLED = """
import sys
from pathlib import Path
from thinkmix.flows.inspect.hand_rows import add
path = Path(sys.argv[1])
for number in range(100_000):
    asked = f"{number}? " + "x" * (number * 37 % 5000)
    add(path, "question", {"question": asked, "answer": "Yes."}, author="Ann")
    print(number, flush=True)
"""


def test_a_kill_takes_no_row_that_was_saved(tmp_path):
    """At whatever moment the process dies, each row that it reported is there whole."""
    path = tmp_path / "rows.jsonl"
    begin(path, "question")
    process = subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(30):
        last = int(process.stdout.readline())
    time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    last = max([last, *map(int, process.stdout.read().split())])
    process.wait()
    process.stdout.close()

    found = check(path)

    assert found.rows > last
    assert found.faults == ()
