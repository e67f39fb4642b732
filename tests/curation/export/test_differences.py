"""Two readings of a mixture: which rows differ, in which token, and whether each ends with a trained stop."""

import pytest

from thinkmix.curation.export.differences import Identity, compare_rows
from thinkmix.curation.export.reading import IGNORE, STOP, TokenRow, read_apart, read_together, stop_id
from thinkmix.templates.chat.tokenizer import encode

PAIRS = [(f"{number}?\n", f"{number}.{STOP}\n") for number in range(5)]
ROWS = list(read_apart(PAIRS))
BREAK = encode("\n")[0]


def compared(theirs: list[TokenRow], *, line_break: bool = True) -> Identity:
    return compare_rows(
        lambda: ROWS,
        lambda: theirs,
        lambda: map(str, range(5)),
        split="train",
        by="rule",
        line_break=line_break,
    )


def test_equal_rows_are_identical_and_all_stop():
    """A row trains its completion alone: its end token, and what follows it in the version."""
    found = compared(list(ROWS))
    assert found.whole
    assert (found.rows, found.read, found.identical, found.stop_trained) == (5, 5, 5, 5)
    assert ROWS[0].ids[-2:] == ROWS[0].labels[-2:] == [stop_id(), BREAK]
    assert ROWS[0].labels[: len(encode(PAIRS[0][0]))] == [IGNORE] * len(encode(PAIRS[0][0]))


def test_the_line_break_is_left_out_where_the_form_leaves_it_out():
    """Then the end token must be the last one."""
    shorter = [TokenRow(row.ids[:-1], row.labels[:-1]) for row in ROWS]
    assert compared(shorter, line_break=False).whole
    assert compared(shorter).identical == compared(shorter).stop_trained == 0


@pytest.mark.parametrize(
    ("change", "token", "problem"),
    [
        (lambda ids, labels: ([9, *ids[1:]], labels), 0, f"id 9, not {ROWS[2].ids[0]}"),
        (lambda ids, labels: (ids, [*labels[:-2], IGNORE, IGNORE]), -2, f"token {stop_id()} is not trained"),
        (lambda ids, labels: (ids, list(ids)), 0, f"token {ROWS[2].ids[0]} is trained"),
        (lambda ids, labels: (ids[:-1], labels[:-1]), -1, "tokens, not"),
    ],
)
def test_a_row_that_differs_is_named_with_its_first_token(change, token, problem):
    """Another id, another label, another length; rows beside it stay identical."""
    changed = TokenRow(*change(*ROWS[2]))
    found = compared([*ROWS[:2], changed, *ROWS[3:]])
    assert (found.identical, found.whole) == (4, False)
    (difference,) = found.differences
    assert (difference.row, difference.id, difference.token) == (2, "2", token % len(ROWS[2].ids))
    assert problem in difference.problem


def test_a_missing_or_surplus_row_does_not_shift_the_others():
    """Four of five are identical, whichever is gone."""
    found = compared([*ROWS[:1], *ROWS[2:]])
    assert (found.read, found.identical, [one.row for one in found.differences]) == (4, 4, [1])
    found = compared([*ROWS, TokenRow([1], [1])])
    assert (found.identical, found.whole, found.differences[0].problem) == (
        5, False, "a row that the version does not have",
    )  # fmt: skip


def test_a_trainer_that_appends_its_end_token_trains_two_after_a_line_break():
    """As TRL does; without the line break it trains one."""
    twice = list(read_together(PAIRS, end=STOP))
    assert twice[0].labels[-3:] == [stop_id(), BREAK, stop_id()]
    assert not compared(twice).whole
    once = [(prompt, completion.removesuffix("\n")) for prompt, completion in PAIRS]
    assert compared(list(read_together(once, end=STOP)), line_break=False).whole


def test_a_token_across_the_seam_moves_the_loss_to_where_the_two_part():
    """Encoded as one text, a prompt need not be the beginning of the whole."""
    (row,) = read_together([("hel", f"lo{STOP}")], end=STOP)
    assert row.ids == encode(f"hello{STOP}")
    assert row.labels[-1] == stop_id()
    assert encode("hel")[0] != row.ids[0]
    assert row.labels == row.ids
