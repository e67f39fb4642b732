"""The road of the rows as a picture: every row arrives somewhere, and every word has its room."""

import pytest

from tests.harness.charts import classes, parsed, texts
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.charts.road import road
from thinkmix.schemas.ledger import Amount, StageCount
from thinkmix.schemas.report import Report

PLACES = {"math": 0, "chat": 1}


@pytest.fixture(scope="module")
def report(built: Built) -> Report:
    """The report of the small version."""
    return built.run.report


def lost(dropped: dict[str, int], kept: int = 10) -> StageCount:
    """Return the counts of a stage that dropped rows of one source."""
    amounts = {reason: Amount(rows=rows) for reason, rows in dropped.items()}
    read = sum(dropped.values()) + kept
    return StageCount(
        stage="validate", source="math", read=Amount(rows=read), kept=Amount(rows=kept), dropped=amounts
    )


def test_the_road_accounts_for_every_row(report: Report):
    """What leaves the sources arrives: at reasons, in the mixture, or not drawn, in proportion."""
    picture = road(report.ledger.stages, PLACES, width=880)
    assert picture
    lost = sum(node.rows for node in picture.reasons)
    assert picture.read == picture.good.rows + lost
    assert picture.good.rows == sum(node.rows for node in picture.ends)
    assert picture.ends[0].rows == sum(count.kept.rows for count in report.ledger.of("mix").values())
    assert all(
        node.height == pytest.approx(250 * node.rows / picture.read, abs=0.01) for node in picture.sources
    )


def test_the_road_folds_the_smallest_reasons_and_names_them():
    """Of twenty reasons eleven have a place of their own; the rest are one block, with their sum."""
    picture = road([lost({f"reason_{n:02}": 100 - n for n in range(20)})], {"math": 0}, width=350)
    assert picture
    assert len(picture.reasons) == 12
    assert (picture.reasons[-1].name, picture.reasons[-1].rows) == (
        "9 more reasons",
        sum(100 - n for n in range(11, 20)),
    )
    assert picture.folded == tuple(f"reason_{n:02}" for n in range(11, 20))
    assert road([], {"math": 0}, width=350) is None


def test_bands_have_the_colours_of_their_sources(report: Report):
    """The picture draws each band and each source in the source's colour."""
    drawn = road(report.ledger.stages, PLACES, width=880)
    assert drawn
    assert classes(drawn.picture, "path") == [f"band k{place}" for place, _ in drawn.bands]
    assert classes(drawn.picture, "rect")[:3] == ["k0", "k1", None]


def test_a_sentence_begins_behind_the_longest_reason_and_fits_the_picture():
    """With millions of rows the sentences stand further to the right, and are shorter."""
    begins, lengths = [], []
    for rows in (9, 98_765_432):
        drawn = road([lost({"no_final_assistant": rows, "control_token": 1})], {"math": 0}, width=880)
        assert drawn
        said = [text for text in parsed(drawn.picture).iter("text") if float(text.get("dx", 0)) > 100]
        begins.append(float(said[0].get("dx")))
        lengths.append(max(len(text.text) for text in said))
    assert begins[0] < begins[1]
    assert lengths[0] > lengths[1]


def test_what_a_phone_has_no_room_for_is_left_out():
    """The narrow picture names the reason and not what it means."""
    wide, narrow = (road([lost({"near_dup": 5})], {"math": 0}, width=width) for width in (880, 350))
    assert wide
    assert narrow
    assert "nearly the same question is kept elsewhere" in texts(wide.picture)
    assert "5 near dup" in texts(narrow.picture)
    assert "nearly the same question is kept elsewhere" not in texts(narrow.picture)
