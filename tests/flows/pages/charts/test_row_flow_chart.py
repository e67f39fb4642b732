"""The flow of the rows: every row arrives somewhere, and every word of the picture has its room."""

from collections.abc import Sequence

import pytest

from tests.harness.charts import classes, numbers, parsed, texts
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.charts.row_flow import row_flow
from thinkmix.flows.pages.charts.row_flow_chart import row_flow_chart
from thinkmix.flows.pages.formatting import grouped
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


def drawn(stages: Sequence[StageCount], width: int = 880) -> str:
    """Return the picture of a ledger."""
    return row_flow_chart(row_flow(stages, PLACES), PLACES, width=width)


def rows(words: str) -> int:
    """Return the number that words begin with."""
    return int("".join(char for char in words.partition(" ")[0] if char != "\u202f"))


def test_the_road_accounts_for_every_row(report: Report):
    """What leaves the sources arrives: at reasons, in the mixture, or not drawn, in proportion."""
    stages, ends = report.ledger.stages, report.ledger.of("mix").values()
    picture = drawn(stages)
    read = {count.source: count.read.rows for count in report.ledger.of("validate").values()}
    lost = sum(amount.rows for count in stages if count.stage != "mix" for amount in count.dropped.values())
    said = texts(picture)
    assert rows(said[said.index("in the mixture") - 1]) == sum(count.kept.rows for count in ends)
    assert (
        parsed(picture)
        .get("aria-label")
        .startswith(
            f"{grouped(sum(read.values()))} rows read, {grouped(sum(read.values()) - lost)} of them good, "
        )
    )
    begin, end = said.index(grouped(sum(read.values()) - lost)) + 1, said.index("in the mixture") - 1
    reasons = [words for words in said[begin:end] if words[0].isdigit()]
    assert sum(map(rows, reasons)) == lost
    heights = numbers(picture, "rect", "height")[:2]
    assert heights == [pytest.approx(250 * read[name] / sum(read.values()), abs=0.01) for name in PLACES]


def test_bands_are_as_thick_as_their_rows_and_lie_side_by_side():
    """Of a source that loses a quarter of its rows: two bands, of which one begins where the other ends."""
    good, bad = (
        path.get("d") for path in list(parsed(drawn([lost({"near_dup": 25}, kept=75)])).iter("path"))[:2]
    )
    top, foot = float(good.split("C")[0].split()[1]), float(bad.split("C")[0].split()[1])
    assert (top, foot) == (46, 46 + 0.75 * 250)


def test_the_road_folds_the_smallest_reasons_and_names_them():
    """Of twenty reasons eleven have a place of their own; the rest are one block, with their sum."""
    flow = row_flow([lost({f"reason_{n:02}": 100 - n for n in range(20)})], PLACES)
    reasons = [words for words in texts(row_flow_chart(flow, PLACES, width=350)) if "reason" in words]
    assert len(reasons) == 12
    assert reasons[0] == "100 reason 00"
    assert reasons[-1] == f"{sum(100 - n for n in range(11, 20))} 9 more reasons"
    assert flow.folded == tuple(f"reason_{n:02}" for n in range(11, 20))


def test_bands_have_the_colours_of_their_sources(report: Report):
    """The picture draws each band and each source in the source's colour, and shared blocks in none."""
    picture = drawn(report.ledger.stages)
    assert set(classes(picture, "path")) == {"band k0", "band k1"}
    assert classes(picture, "rect")[:3] == ["k0", "k1", None]


def test_a_sentence_begins_behind_the_longest_reason_and_fits_the_picture():
    """With millions of rows the sentences stand further to the right, and are shorter."""
    begins, lengths = [], []
    for number in (9, 98_765_432):
        picture = parsed(drawn([lost({"no_final_assistant": number, "control_token": 1})]))
        said = [text for text in picture.iter("text") if float(text.get("dx", 0)) > 100]
        begins.append(float(said[0].get("dx")))
        lengths.append(max(len(text.text) for text in said))
    assert begins[0] < begins[1]
    assert lengths[0] > lengths[1]


def test_what_a_phone_has_no_room_for_is_left_out():
    """The narrow picture names the reason and not what it means."""
    wide, narrow = (texts(drawn([lost({"near_dup": 5})], width=width)) for width in (880, 350))
    assert "nearly the same question is kept elsewhere" in wide
    assert "5 near dup" in narrow
    assert "nearly the same question is kept elsewhere" not in narrow
