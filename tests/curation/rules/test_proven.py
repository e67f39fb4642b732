"""What is known of how good rules are, and when that is enough to drop rows."""

import pytest

from thinkmix.curation.rules.html_entities import HtmlEntities
from thinkmix.curation.rules.known import RULES
from thinkmix.curation.rules.precision import Reviewed, may_drop, share_of
from thinkmix.curation.rules.proven import Proven, records, refuse_drop


def test_every_record_is_of_a_rule_and_adds_up():
    """No more rows are hit than judged, read than hit, or found than planted; no default drops unproven."""
    known = {kind.name for kind in RULES}
    for name, record in records().items():
        assert name in known
        assert record.right <= record.read <= record.hits <= record.judged
        assert record.found <= record.planted
        assert record.seconds > 0
    for kind in RULES:
        assert kind.default != "drop" or not refuse_drop(kind.name, kind(action="drop"), None)


def test_a_share_has_the_interval_of_wilson():
    """49 of 50: the published table says 0.8950 to 0.9965."""
    found = share_of(49, 50)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (0.8950, 0.9965)
    assert share_of(0, 0) is None


@pytest.mark.parametrize(
    ("right", "read", "drops"), [(45, 50, True), (44, 50, False), (3, 3, False), (4, 4, True)]
)
def test_a_rule_drops_from_ninety_in_a_hundred_on_if_more_than_a_few_were_read(right, read, drops):
    """Three hits that are all right leave a lower limit of 44 %."""
    assert may_drop(share_of(right, read)) == drops


@pytest.mark.parametrize(("read", "hits", "measured"), [(50, 900, True), (49, 900, False), (7, 7, True)])
def test_precision_takes_fifty_hits_or_all(read, hits, measured):
    """Of fewer, the record says nothing."""
    record = Proven(rule="any", judged=1000, hits=hits, read=read, right=read, seconds=1, bytes=1)
    assert (record.precision is not None) == measured


def test_a_refusal_names_the_figure_and_the_ways_out(monkeypatch):
    """With other settings than those that were measured, the record does not count; a review does."""
    record = Proven(rule="html_entities", judged=100, hits=60, read=60, right=30, seconds=1, bytes=1)
    monkeypatch.setattr("thinkmix.curation.rules.proven.records", lambda: {"html_entities": record})
    said = refuse_drop("html_entities", HtmlEntities(action="drop"), None)
    assert "30 of 60 hits that were read are right, 50.0 % (37.7 to 62.3 %)" in said
    assert "`html_entities: flag`, and `select: {without: [html_entities]}`" in said
    good = record.model_copy(update={"right": 60})
    monkeypatch.setattr("thinkmix.curation.rules.proven.records", lambda: {"html_entities": good})
    assert not refuse_drop("html_entities", HtmlEntities(action="drop"), None)
    other = HtmlEntities(action="drop", at_least=1)
    assert "not measured with at_least: 1" in refuse_drop("html_entities", other, None)
    assert not refuse_drop("html_entities", other, Reviewed(read=60, right=58).precision)
    assert "50.0 %" in refuse_drop("html_entities", other, Reviewed(read=60, right=30).precision)
