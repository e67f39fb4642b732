"""Huge pages are asked for, unless somebody decided on it."""

import os

import pytest

from thinkmix.train.run.huge_pages import ask_for_huge_pages

ASKS = "THP_MEM_ALLOC_ENABLE"


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_a_decision_of_the_user_stays(before, after, monkeypatch):
    """Torch is told to ask for huge pages, and a user who turned that off keeps it off."""
    monkeypatch.setenv(ASKS, before or "")
    if before is None:
        monkeypatch.delenv(ASKS)
    ask_for_huge_pages()
    assert os.environ[ASKS] == after
