"""What arithmetic leaves open is asked of a process of math-verify, which may not take long."""

import pytest

from thinkmix.curation.answers import verify


@pytest.fixture
def process():
    started = verify._Process()
    yield started
    started.end()


def test_a_pair_that_takes_too_long_ends_its_process(process, monkeypatch):
    """The next pairs share another one. Only sets, matrices and relations are said to differ."""
    monkeypatch.setattr(verify, "_SECONDS", 1.5)
    assert process.ask(r"2^{2^{2^{2^{2^{2^{2}}}}}} + \binom{3}{1}", "5") == "ended"
    assert process.ask("(1, 3]", "(1, 3)") == "disagree"
    first = process._child
    assert process.ask("x > 3", r"(3, \infty)") == "agree"
    assert process.ask("x > 3", r"x \ge 3") == "disagree"
    assert process.ask("east", "west") == "unclear"
    assert process._child is first


def test_only_what_arithmetic_leaves_open_is_asked(monkeypatch):
    """And no prose, nor what is too long."""
    asked = []
    monkeypatch.setattr(verify, "_asked", lambda *pair: asked.append(pair) or "agree")
    assert verify.decide("12.0", "12").relation == "agree"
    assert verify.decide("13", "12").relation == "disagree"
    assert verify.decide("a story", "another one").relation == "unclear"
    assert verify.decide("0.33", "1/3").relation == "unclear"
    assert verify.decide("There are 5 books, of 7 in total", "{5}").relation == "unclear"
    assert verify.decide("2:00 {pm}", "{2}").relation == "unclear"
    assert verify.decide("(1, " + "2" * 400 + "]", "(1, 2]").relation == "unclear"
    assert not asked
    assert verify.decide("[1, 2]", "[1, 2)").relation == "agree"
    assert asked == [("[1, 2]", "[1, 2)")]


def test_a_pair_without_an_answer_in_time_says_so(monkeypatch):
    """Its row is not called wrong."""
    monkeypatch.setattr(verify, "_asked", lambda *pair: "ended")
    found = verify.decide("[1, 2]", "[1, 2)")
    assert (found.relation, found.why) == ("unclear", "it takes too long to compare")
