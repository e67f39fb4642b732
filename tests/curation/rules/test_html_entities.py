"""The rule `html_entities`: which rows have entities, how many, and where the first one stands."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.html_entities import HtmlEntities
from thinkmix.schemas.conversation import Conversation


def judge(*rows: Conversation, **settings):
    return judged(HtmlEntities(**settings), *rows)


@pytest.mark.parametrize(
    "entity", ["&lt;", "&amp;", "&nbsp;", "&quot;", "&apos;", "&#39;", "&#9;", "&#x4E2D;"]
)
def test_entities_of_all_texts_of_a_row_are_counted(entity):
    """In questions, traces and answers together; the limit itself is found."""
    row = asked(f"a {entity} b", f"c{entity}", f"d {entity}{entity}")
    assert [one.value for one in judge(row, at_least=4)] == [4.0]
    assert judge(row, at_least=5) == []


@pytest.mark.parametrize("text", ["a & b; c", "&lt", "&unknown;", "x &# y;", "R&D; done"])
def test_an_ampersand_alone_is_no_entity(text):
    """Nor is a name that does not end, or one that browsers do not know."""
    assert judge(asked(text, text), at_least=1) == []


def test_the_evidence_is_the_first_entity():
    """Counted in characters; of one turn the trace comes first."""
    rows = [asked("No.", "No."), asked("Früh", "é &gt; &lt;", "né &amp;"), asked("ü &#39;", "&lt;")]
    first, second = judge(*rows, at_least=1)
    assert (first.row, *first.evidence) == (1, "&amp;", 1, "reasoning", 3, 8)
    assert (second.row, *second.evidence) == (2, "&#39;", 0, "content", 2, 7)


def test_no_row_is_found_in_nothing():
    """A batch may be empty, and may have no trace."""
    assert judge() == []
    assert judge(asked("a", "b")) == []
