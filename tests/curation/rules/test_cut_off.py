"""The rule `cut_off`: which texts stop in the middle, and of what."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.cut_off import CutOff

SAID = "It is so, and it stays so. " * 160


@pytest.mark.parametrize(
    ("answer", "piece"),
    [
        ("It is so. But since the price is not", "But since the price is not"),
        ("We add them up, then", None),
        ("We add them up,", "We add them up,"),
        ("先加起来，再乘以二，", "先加起来，再乘以二，"),
        ("前面说完了。音色：小号、", "音色：小号、"),
        ("The result is $\\boxed{\\frac", "The result is $\\boxed{\\frac"),
        ("The result is $\\boxed{4", "The result is $\\boxed{4"),
        ("Run this:\n\n```python\nfor x in rows:\n    print(x)", "```python\nfor x in rows:\n    print(x)"),
        ("It holds. <answer> 4", "<answer> 4"),
        ("It is so. We have money (as coins", "We have money (as coins"),
        ("It is so.\n\n**Final ans", "**Final ans"),
        ("It is so. They say “hypoc", "They say “hypoc"),
        (
            SAID + "By weighing the light and the water that each plant wants",
            "By weighing the light and the ",
        ),
    ],
)
def test_a_text_that_stops_in_the_middle_is_found_with_its_last_piece(answer, piece):
    """Of a sentence, a formula, a tag or a block of code; `then` may end what a person writes."""
    found = judged(CutOff(), asked("What?", answer))
    assert [answer[one.evidence.start :].startswith(piece) for one in found] == ([True] if piece else [])
    for one in found:
        assert one.value == one.evidence.end - one.evidence.start
        assert one.evidence.end == len(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "It is so.",
        "It is $\\boxed{4}$",
        "4",
        "A. yes\nB. no\n\nAnswer: A",
        SAID + "\n- the light and the water that each plant wants or needs every day",
        SAID + "Best regards",
        "By weighing the light and the water that each plant wants or needs every day",
        "It is so. " * 9 + "By weighing the light and the water that each plant wants or needs every day",
        "The call is `print(x)`:\n\n```python\nprint(x)\n```",
        "```\nprint(x)\n```\n\n```\nprint(y)\n```\nDone.\n```",
        "while True:\n    x = next(rows); y = x in",
        "<answer>4\\end{answer>",
        "<answer>4</answer>",
        "We have money (as coins)",
        "Bold is **so**",
        "It is f(x, **options)",
    ],
)
def test_a_text_that_ends_is_not_found(answer):
    """Neither are lists, code, names under letters, and short answers without a full stop."""
    assert judged(CutOff(), asked("What?", answer)) == []


def test_the_last_text_of_a_row_that_is_cut_off_is_its_evidence():
    """Answer before trace, counted in characters; the user may stop where he wants to."""
    rows = [asked("What is the", "Früh. Then we add, é,", "I add, né, and"), asked("What of the", "4")]
    (found,) = judged(CutOff(), *rows)
    assert (found.row, *found.evidence) == (0, "Then we add, é,", 1, "content", 6, 21)
