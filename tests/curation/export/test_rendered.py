"""The exporter of rendered text: two texts a line, and a check that notices whatever differs."""

import json
from pathlib import Path

import pytest

from tests.curation.export.test_exporters import CHAT, ROWS
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.rendered import Rendered
from thinkmix.schemas.errors import LedgerError

ENDED = CHAT._replace(prompt="<|im_start|>user\nHi<|im_end|>\n", completion="Hello\u2028<|im_end|>\n")


def test_a_line_holds_both_texts_without_the_last_line_break(tmp_path: Path):
    """TRL appends an end token to a completion that does not end with one."""
    Rendered().write([ENDED], tmp_path / "train.jsonl")
    (line,) = (tmp_path / "train.jsonl").read_bytes().splitlines()
    assert json.loads(line) == {"prompt": ENDED.prompt, "completion": "Hello\u2028<|im_end|>"}
    Rendered(final_newline="keep").write([ENDED], tmp_path / "train.jsonl")
    assert json.loads((tmp_path / "train.jsonl").read_bytes())["completion"] == ENDED.completion


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (ROWS[:2], "row 2, example a-1#2, reads back differently"),
        ((*ROWS, CHAT), "row 3, a surplus line, reads back differently"),
        ((ENDED, *ROWS[1:]), "row 0, example a-1, reads back differently"),
    ],
)
def test_the_check_notices_lines_that_differ(rows, says, tmp_path: Path):
    """A missing one, a surplus one and another text."""
    Rendered().write(rows, tmp_path / "train.jsonl")
    with pytest.raises(LedgerError, match=says):
        Rendered().check(ROWS, tmp_path / "train.jsonl")


def test_the_command_cuts_no_line():
    """Its length is that of the longest line of both splits."""
    counts = {"train": Counts(longest=70), "eval": Counts(longest=90)}
    assert " --completion_only_loss true --max_length 90 " in Rendered().command(Path("out"), counts)
