"""The rule `policy_talk`: which traces speak of the policy of a provider."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.policy_talk import PolicyTalk


@pytest.mark.parametrize(
    "said",
    [
        "There is no disallowed content here.",
        "This is allowed content.",
        "We must check policy first.",
        "OpenAI policy says so.",
        "Does it violate our content policy?",
        "So we should refuse.",
        "No policy issues here.",
        "The policy says we may answer.",
        "这个问题没有违反安全准则。",
        "Here we can comply with policy.",
    ],
)
def test_a_trace_about_policy_is_found(said):
    """The answer is not judged: it may refuse."""
    (found,) = judged(PolicyTalk(), asked("What is 2 + 2?", "4", f"2 + 2? {said}"))
    assert found.evidence.text in said
    assert judged(PolicyTalk(), asked("What is 2 + 2?", said, "It is 4.")) == []


@pytest.mark.parametrize(
    "said",
    [
        "The policy of the shop allows two returns.",
        "If they refuse to order the same dish, 3 are left.",
        "To comply with the user's request I state it.",
        "By the given guidelines it is 6X^9.",
        "There may be a rounding policy.",
    ],
)
def test_policies_of_a_problem_are_none(said):
    """Sentences that stand in traces of real problems."""
    assert judged(PolicyTalk(), asked("What is it?", "4", said)) == []


def test_places_are_counted_and_the_first_is_the_evidence():
    """In all traces of a row."""
    (found,) = judged(PolicyTalk(), asked("?", "4", "é: check policy. No disallowed content."))
    assert (found.value, *found.evidence) == (2, "check policy", 1, "reasoning", 3, 15)
