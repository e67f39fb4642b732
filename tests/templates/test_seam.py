"""The seam of an example: which tokens span it, and which texts need not be encoded to know."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thinkmix.templates.chat.seam import _surely_apart, seam_problem
from thinkmix.templates.chat.tokenizer import encode, reference_tokenizer

ENDINGS = ("<|im_start|>assistant\n", "<think>\n\n</think>\n\n", "<think>\n")
"""How the prompts of the three templates end."""

# white space of all kinds (NEL and separators too), marks that compose or reorder, what has no width
_ODD = " \t\n\r\x0b\x0c\x1c\x1f\x85\u00a0\u1680\u180e\u2000\u2003\u2028\u2029\u202f\u205f\u3000"
_ODD += "\u0300\u0301\u0345\u0f71\u1161\u3099\ufe0f\u200b\u200c\u200d\u2060\ufeff"
texts = st.text(alphabet=f"{_ODD}aSs'1.<!中é한ﬁ", max_size=5) | st.text(max_size=3)


def official(text):
    return reference_tokenizer().encode(text, add_special_tokens=False).ids


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ENDINGS), texts, texts)
@example("<think>\n", "", " \n")
@example("<|im_start|>assistant\n", "", "\u2028\r")
@example("<|im_start|>assistant\n", ".\n", "\u3000\x1c\n")
def test_a_seam_that_is_taken_for_clean_is_clean(ending, end, begin):
    """Where the whole is not encoded to see, it has the tokens of its parts, by either tokenizer."""
    prompt, completion = ending + end, f"{begin}<|im_end|>\n"
    if _surely_apart(prompt, completion):
        for tokens in (official, encode):
            assert tokens(prompt + completion) == tokens(prompt) + tokens(completion)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ENDINGS), texts, texts)
def test_a_token_that_spans_the_seam_is_found(ending, end, begin):
    """A problem is told exactly where the official tokenizer reads the whole otherwise than its parts."""
    prompt, completion = ending + end, f"{begin}<|im_end|>\n"
    torn = official(prompt + completion) != official(prompt) + official(completion)
    assert (seam_problem(prompt, completion) is not None) == torn


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("begin", ["It", " It", "\tIt", "\u3000中", "\u0301", "1", ""])
def test_ordinary_answers_are_known_to_be_clean(ending, begin):
    """Also those that begin with white space, if no line break follows it: they are not encoded twice."""
    assert _surely_apart(ending, begin)


@pytest.mark.parametrize("begin", [" \nIt", "\t\nIt", "\nIt"])
def test_a_problem_shows_the_seam(begin):
    """The last characters of the prompt, and the first ones of the completion."""
    got = seam_problem("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n", f"{begin} is there, too.")
    seam = f"'|>assistant\\n' + {f'{begin} is there, too.'[:12]!r}"
    assert got == f"a token spans the end of the prompt ({seam})"


@pytest.mark.parametrize("begin", [" It", "\r\nIt", "\u3000\n中"])
def test_white_space_that_melts_into_no_token_is_no_problem(begin):
    """It is told by the tokens, not by how an answer looks."""
    assert seam_problem("<|im_start|>assistant\n", f"{begin}<|im_end|>\n") is None
