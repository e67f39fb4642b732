"""The rule `placeholder`: answers with a placeholder that nobody filled."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.placeholder import Placeholder


@pytest.mark.parametrize(
    "said",
    [
        "I am {{name}}, an AI assistant.",
        "您好，我是 {{ user_name }}。",
        "Welcome to {{company.name}}!",
    ],
)
def test_such_a_text_is_found_where_it_stands(said):
    """The evidence is a stretch of the answer, and rows before it do not move it."""
    (found,) = judged(Placeholder(), asked("What is it?", "It is 4."), asked("What is it?", said))
    assert (found.row, found.evidence.message, found.evidence.part) == (1, 1, "content")
    assert found.evidence.end > found.evidence.start
    assert judged(Placeholder(), asked("What is it?", "It is 4.")) == []


@pytest.mark.parametrize(
    "said",
    [
        "Write `{{ name }}` there.",
        "<p>{{ title }}</p>",
        "In a Jinja file {{name}} is a variable.",
        "{name}",
        "x^{{2}}",
        "$a_{{b}}$",
    ],
)
def test_texts_that_only_look_alike_are_not_found(said):
    """They say the same characters or words, and mean something else."""
    assert judged(Placeholder(), asked("What is it?", said)) == []
