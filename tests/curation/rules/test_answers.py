"""The rules on answers: which rows each finds, and where it says that their answer stands."""

import pytest

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.answers.statuses import STATUSES
from thinkmix.curation.rules.trace_disagrees import TraceDisagrees
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.curation.rules.unverified_answer import UnverifiedAnswer
from thinkmix.curation.rules.wrong_answer import WrongAnswer
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning
from thinkmix.schemas.formats.sharegpt import ShareGPT

ROWS = [
    asked("2+2?", r"It is \boxed{4}.", answer="4"),
    asked("2+2?", r"Ünd so \boxed{5}.", answer="4"),
    asked("2+2?", r"\boxed{5}", answer="n/a"),
    asked(
        "2+2?", "I give up, and nothing that follows helps me to say more about what it may be.", answer="4"
    ),
    asked("2+2?", r"\boxed{4}, or \boxed{5}", answer="4"),
    asked("Prove that 2+2 is 4.", r"\boxed{5}", answer="4"),
    asked("2+2?", "4"),
]


def test_each_row_has_one_status():
    """Whichever of the rules is asked."""
    table = TurnTable.of(ROWS)
    wanted = ["agree", "disagree", "no_reference", "none", "several", "unparseable", "no_reference"]
    for rule in (WrongAnswer(), UnverifiedAnswer()):
        assert [STATUSES[one] for one in rule.statuses(table)] == wanted


def test_a_wrong_answer_is_shown_beside_the_reference():
    """Its place is that of the answer, in characters of its turn."""
    (found,) = judged(WrongAnswer(), *ROWS)
    assert (found.row, *found.evidence) == (1, "5, and the source says 4", 1, "content", 14, 15)


def test_what_cannot_be_verified_says_why():
    """A row whose source names no answer is not found."""
    found = {one.row: one.evidence.text for one in judged(UnverifiedAnswer(), *ROWS)}
    assert found == {
        3: "none: no final answer is stated",
        4: "several: 2 different answers are stated, one is right",
        5: "unparseable: the question asks for a proof or has other right answers",
    }


def test_the_answer_is_that_of_the_last_turn():
    """And the question the turns before it."""
    turns = [
        Message(role="user", content="2+2?"),
        Message(role="assistant", content=r"\boxed{5}"),
        Message(role="user", content="No."),
        Message(role="assistant", content=r"\boxed{4}"),
    ]
    row = conversation(turns, answer="4")
    assert judged(WrongAnswer(), row, ROWS[1])[0].row == 1


@pytest.mark.parametrize(
    ("trace", "said", "found"),
    [
        (r"So \boxed{4}.", "It is 4.", []),
        (r"So \boxed{4}.", r"\boxed{4.0}", []),
        (r"So \boxed{4}.", r"\boxed{5}", ["4, and the answer is 5"]),
        (r"So \boxed{5}, no, \boxed{4}.", r"\boxed{4}", []),
        (r"So \boxed{a story}.", r"\boxed{another}", []),
        ("So 4.", r"\boxed{5}", []),
        (None, r"\boxed{5}", []),
    ],
)
def test_a_trace_may_come_to_another_answer(trace, said, found):
    """By its last box, and without a reference."""
    assert [one.evidence.text for one in judged(TraceDisagrees(), asked("2+2?", said, trace))] == found


def test_the_evidence_of_a_trace_stands_in_the_trace():
    """In characters."""
    (found,) = judged(TraceDisagrees(), asked("2+2?", r"\boxed{5}", r"Ünd \boxed{44}"))
    assert found.evidence[1:] == (1, "reasoning", 11, 13)


def test_answers_are_compared_where_the_format_has_them():
    """Traces, in rows of every format."""
    for rule in (WrongAnswer, UnverifiedAnswer):
        assert rule.fits(OpenMathReasoning())
        assert not rule.fits(ShareGPT())
    assert TraceDisagrees.fits(ShareGPT())


def test_no_row_is_found_in_nothing():
    """A batch may be empty."""
    assert [judged(rule) for rule in (WrongAnswer(), UnverifiedAnswer(), TraceDisagrees())] == [[], [], []]
