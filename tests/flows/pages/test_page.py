"""The parts of the page: the verdict, the road of the rows, the charts, and a page of few facts."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.flows.pages.test_report import Page
from tests.harness.builders import ROOT
from tests.harness.reports import full_report, full_run
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages import charts
from thinkmix.flows.pages.report import bars, plots
from thinkmix.flows.pages.report.page import render_page
from thinkmix.flows.pages.report.road import road
from thinkmix.flows.pages.report.schema import json_schema
from thinkmix.flows.pages.report.sections import difference, samples
from thinkmix.flows.pages.report.trend import trend
from thinkmix.flows.pages.svg import cleaned, drawable
from thinkmix.flows.pages.verdict import duration, moment, signals, verdict
from thinkmix.flows.runs.again import run_of
from thinkmix.flows.runs.nights import rendered
from thinkmix.flows.runs.summary import summary
from thinkmix.flows.store.store import Store
from thinkmix.schemas.changes import Delta
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.ledger import Amount, StageCount
from thinkmix.schemas.report import Report, Spread
from thinkmix.schemas.run import RunReport

PLACES = {"math": 0, "chat": 1}


@pytest.fixture(scope="module")
def run(built: Built) -> RunReport:
    """A run with everything in it, which a gate held."""
    return full_run(built.run.report)


@pytest.fixture(scope="module")
def report(built: Built) -> Report:
    """The report of the small version."""
    return built.run.report


def words(page: str) -> str:
    """Return the text of a page with single spaces."""
    return " ".join("".join(Page(page).text).split())


@pytest.mark.parametrize(
    ("changes", "colour", "headline", "sentence"),
    [
        ({}, "bad", "Do not train on this version.", "Version 0b0b0b0b0b0b stays current."),
        ({"baseline": None, "changes": None}, "bad", "Do not train", "No version is current yet."),
        ({"status": "published", "gates": ()}, "good", "may be trained on", "Every check passed."),
        (
            {"status": "unchanged", "gates": ()},
            "good",
            "The current version may be trained on.",
            "Nothing changed since the last build.",
        ),
        ({"status": "held", "gates": ()}, "bad", "Do not train", "It waits for a person"),
    ],
)
def test_verdict_says_what_to_do(changes, colour: str, headline: str, sentence: str, run: RunReport):
    """Each ending has a colour, a sentence for the top of the page, and says what is current now."""
    found = verdict(run.model_copy(update=changes))
    assert found.colour == colour
    assert headline in found.headline
    assert sentence in found.sentence


def test_a_gate_to_look_at_makes_a_good_verdict_amber(report: Report):
    """A version with warnings may be trained on, and the number of warnings is said."""
    run = full_run(report, held=False).model_copy(update={"acceptance": None})
    assert (verdict(run).colour, verdict(run).sentence) == ("warn", "Nothing failed; 2 gates to look at.")


def test_an_accepted_version_says_who_accepted_it_and_why(report: Report):
    """The page of an accepted version is amber and quotes the person."""
    text = words(render_page(full_run(report, held=False)))
    for said in (
        "This version may be trained on.",
        "Accepted by Li Wei",
        "on purpose. 已确认。",
        "schema_drift",
    ):
        assert said in text


def test_the_worst_comes_first(run: RunReport):
    """Failed gates stand before those to look at, and these before what passed."""
    levels = [signal.level for signal in signals(run)]
    assert levels == sorted(levels, key=["fail", "warn", "pass"].index)
    assert len(levels) == len(run.gates) + len(run.report.checks)


def test_the_page_shows_every_fact_of_a_full_run(run: RunReport):
    """Moves, shifts, settings, clusters, columns, samples of both kinds and the history are all there."""
    text = words(render_page(run))
    changes = run.changes
    assert changes
    said = [*changes.settings, "212 rows added", "103 removed", "the source changed", "0.2431", "a lot"]
    said += ["130 rows", "小明有十二个苹果", "List(Struct(", "forum, textbook, 中文数学", "The last 30 runs"]
    said += ["failed: source_unavailable", "In the mixture", "found in turn 2", "fits 32k", "Pass rate"]
    assert [one for one in said if one not in text] == []


def test_the_page_of_a_first_version_needs_no_optional_fact(report: Report, built: Built):
    """Without history, changes, views and samples the page says so, section by section."""
    bare = report.model_copy(
        update={
            "samples": (),
            "lengths": (),
            "clusters": report.clusters.model_copy(update={"by_size": {}, "largest": ()}),
        }
    )
    changes = {"report": bare, "trend": (), "baseline": None, "changes": None}
    text = words(render_page(built.run.model_copy(update=changes)))
    for said in (
        "no earlier version to compare with",
        "No example was drawn.",
        "No two rows say nearly the same.",
    ):
        assert said in text
    assert "No row was left out by a judgement." in text


def test_the_offending_characters_are_marked(report: Report):
    """A sample with a span shows exactly these characters as marked, even if the span leaves the text."""
    page = render_page(full_run(report))
    assert "The answer is 4.<mark>&lt;|im_end|&gt;</mark>" in page
    one = full_report(report).samples[0].model_copy(update={"content": "short", "span": (3, 99)})
    (group,) = samples(report.model_copy(update={"samples": (one,)}), kept=False)
    (row,) = group["rows"]
    assert (row["before"], row["marked"], row["after"]) == ("sho", "rt", "")


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
    dropped = {f"reason_{n:02}": Amount(rows=100 - n) for n in range(20)}
    gone = sum(amount.rows for amount in dropped.values())
    count = StageCount(
        stage="validate", source="math", read=Amount(rows=gone + 10), kept=Amount(rows=10), dropped=dropped
    )
    picture = road([count], {"math": 0}, width=350)
    assert picture
    assert len(picture.reasons) == 12
    assert (picture.reasons[-1].name, picture.reasons[-1].rows) == (
        "9 more reasons",
        sum(100 - n for n in range(11, 20)),
    )
    assert picture.folded == tuple(f"reason_{n:02}" for n in range(11, 20))
    assert road([], {"math": 0}, width=350) is None


def test_a_chart_is_an_image_with_a_text_and_the_page_colours():
    """The SVG scales, has an alternative text, uses the page's colours, and needs no id or font."""
    picture = charts.histogram(["1k", "2k"], [3, 1], place=7, label='Tokens of "a" <b>')
    assert 'role="img"' in picture
    assert 'aria-label="Tokens of &quot;a&quot; &lt;b&gt;"' in picture
    assert picture.count('fill="var(--c1)"') == 2
    assert ">75%<" in picture
    assert ">25%<" in picture
    for needless in ("id=", "class=", "font-family", "clip", "xmlns", "<title", "<style"):
        assert needless not in picture
    assert charts.histogram(["1k", "2k"], [3, 1], place=7, label='Tokens of "a" <b>') == picture


def test_a_trend_marks_every_run_and_draws_a_line_through_those_that_have_a_figure(run: RunReport):
    """Thirty runs have thirty marks in the colours of their endings, and one line."""
    picture = trend(run.trend, [night.examples for night in run.trend], label="x")
    marks = {tone: picture.count(f'fill="var(--{tone})"') for tone in ("good", "warn", "bad")}
    ended = [night.status for night in run.trend]
    assert marks == {"good": ended.count("published"), "warn": ended.count("held"), "bad": 2}
    assert picture.count('stroke="var(--soft)" stroke-width="1.5"') == 1


def test_the_scale_of_a_trend_has_round_numbers_and_shows_one_percent_as_little(run: RunReport):
    """From 35,000 to 35,350 is nearly a level line, between lines of the scale that bear round numbers."""
    nights = [run.trend[-1]] * 2
    picture = trend(nights, [35_000, 35_350], label="x")
    assert [word for word in ("34k", "36k") if f">{word}<" in picture] == ["34k", "36k"]
    heights = [float(cy) for cy in re.findall(r'd="M[0-9.]+ ([0-9.]+)L[0-9.]+ ([0-9.]+)"', picture)[0]]
    assert 0 < heights[0] - heights[1] < 15
    for numbers, word in (([0, 3], "2"), ([0.04, 0.05], "0.05"), ([2e9, 3e9], "2.5G"), ([0, 0], "0")):
        assert f">{word}<" in trend(nights, numbers, label="x")


def test_a_chart_that_is_kept_is_not_drawn_again(run: RunReport, tmp_path: Path, monkeypatch):
    """Pages with the cache and without are the same; a row more in a million changes no bar, but its text."""
    store = Store(tmp_path)
    other = rendered(Store(tmp_path / "other"), run)  # its commands name its own folder
    plain = {
        name: page.replace(f"{tmp_path}/other/".encode(), f"{tmp_path}/".encode())
        for name, page in other.items()
    }
    assert rendered(store, run) == plain
    with charts.kept(store.cache.kept_chart):
        first = charts.histogram(["1k", "2k"], [300_000, 700_000], place=0, label="first")
        monkeypatch.setattr(charts, "_rendered", None)
        again = charts.histogram(["1k", "2k"], [300_000, 700_001], place=0, label="again")
        assert again == first.replace("first", "again")
        assert rendered(store, run) == plain
        with pytest.raises(TypeError):
            charts.histogram(["1k", "2k"], [1, 1], place=0, label="new")


def test_bars_are_as_long_as_their_numbers_and_stay_in_the_picture():
    """A part twice as large has a bar twice as long, and the longest one leaves room for its number."""
    picture = bars.grouped_bars(["1", "2"], [(0, [0.5, 0.25]), (7, [1.0, 0.0])], label="a <b>")
    assert 'aria-label="a &lt;b&gt;"' in picture
    drawn = re.findall(r'<rect x="([0-9.]+)" .*?width="([0-9.]+)" height="14" fill="var\(--(c\d)\)"', picture)
    assert [tone for *_, tone in drawn] == ["c0", "c1"] * 2
    long = [float(width) for _, width, _ in drawn]
    assert long == pytest.approx([long[1] / 2, long[1], long[1] / 4, 0], abs=0.1)
    assert float(drawn[1][0]) + long[1] < charts.WIDTH - 25
    assert [f">{words}<" in picture for words in ("50%", "25%", "100%", "0%")] == [True] * 4
    told = bars.counts(["a" * 90, "\x1b<i>"], [1_000_000, 1], label="x")
    assert told.count("<rect") == 2
    assert ">1\u202f000\u202f000<" in told
    assert "<i>" not in told


@pytest.mark.parametrize(
    "draw",
    [
        lambda: bars.grouped_bars([], [], label="none"),
        lambda: bars.counts([], [], label="none"),
        lambda: charts.histogram([], [], place=0, label="none"),
        lambda: charts.histogram(["1k"], [0], place=0, label="zero"),
        lambda: bars.grouped_bars(["\x1b[31m", ""], [(0, [0.0, 0.0])], label="zero"),
        lambda: bars.counts(["2 rows"], [2_000_000_000], label="many"),
        lambda: trend([], [], label="none"),
    ],
)
def test_charts_of_nothing_and_of_very_much_are_drawn(draw):
    """No number of bins, rows or runs ends a report."""
    assert draw().startswith("<svg")


def test_pictures_lose_what_does_not_only_show():
    """Whatever a renderer writes, scripts, links, styles, ids and handlers do not reach the page."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="x()"><style>*{}</style>'
        "<script>x()</script>"
        '<a href="http://evil.example"><text>in a link</text></a><image href="x.png"/><g id="a" class="b" '
        'onclick="x()"><text fill="url(http://evil.example)" style="x">1 &lt; 2 &amp; "3"</text></g>'
        '<g><path d=""/></g></svg>'
    )
    assert cleaned(svg, label="L") == (
        '<svg viewBox="0 0 9 9" width="9" role="img" aria-label="L">'
        '<g><text>1 &lt; 2 &amp; "3"</text></g></svg>'
    )
    assert drawable("a\x00b\x1b" + "x" * 40, longest=8) == "a·b·xxx…"


def test_text_of_pictures_is_laid_out_wider_than_it_is_shown():
    """Whoever reads in a font that is wider than the renderer's sees every label whole."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text font-size="14.16px">1</text></svg>'
    assert '<text font-size="12px">1</text>' in cleaned(svg, label="L", wider=1.18)
    picture = charts.histogram(["1k", "2k"], [1, 2], place=0, label="L")
    assert {part.partition('"')[0] for part in picture.split('font-size="')[1:]} == {"12px", "11px"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")],
)
def test_durations_are_said_in_two_units(seconds: float, said: str):
    """Short ones in seconds, long ones in hours and minutes."""
    assert duration(seconds) == said


def test_times_are_said_for_people_and_other_words_are_left():
    """A stamp becomes a date; what is none stays what it is."""
    assert moment("2026-01-05T02:00:00+00:00") == "5 Jan 2026, 02:00 UTC"
    assert moment("<b>yesterday</b>") == "<b>yesterday</b>"


@pytest.mark.parametrize(
    ("before", "after", "said"), [(0, 0, "±0"), (0, 5, "+5"), (200, 100, "−100 (−50.0%)")]
)
def test_differences_have_a_sign(before: int, after: int, said: str):
    """A figure that moved is said with its sign, and in percent where there was one before."""
    assert difference(Delta(before=before, after=after)) == said


def test_only_the_whole_fits_to_a_hundred_percent(report: Report):
    """99.97 % of the examples are not all of them."""
    view = report.lengths[0].model_copy(
        update={"edges": (2048, 4096), "fits": (0.9997, 1.0), "histogram": (1, 2, 3)}
    )
    (figure,) = plots.lengths([view], PLACES)
    assert figure.fits == (("2k", ">99.9%"), ("4k", "100%"))


def test_groups_stand_in_the_order_of_their_numbers(report: Report):
    """However a file orders keys: 2 before 11, ranges by where they begin, and words by their rows."""
    rows = {"11+": 1, "2": 5, "3-10": 2, "other": 3, "unknown": 9}
    (figure,) = plots.spreads([Spread(source="math", measure="turns", rows=rows)], PLACES)
    assert [row[0] for row in figure.rows] == ["2", "3-10", "11+", "unknown", "other"]


def test_recipe_that_this_release_does_not_read_is_shown_as_it_is(run: RunReport):
    """The page of an older version has its sources and colours all the same."""
    stated = {**run.report.recipe, "retired": "setting"}
    page = render_page(run.model_copy(update={"report": run.report.model_copy(update={"recipe": stated})}))
    assert "retired: setting" in page
    assert "retired" not in render_page(run)


@pytest.mark.parametrize(("name", "model"), [("report", RunReport), ("version-report", Report)])
def test_published_schemas_are_those_of_the_models(name: str, model, command):
    """docs/ holds what `thinkmix schema` prints, and its id names the version of the layout."""
    published = json.loads((ROOT / f"docs/{name}.schema.json").read_text(encoding="utf-8"))
    assert published == json_schema(model), f"run: thinkmix schema {name} > docs/{name}.schema.json"
    assert published["$id"] == f"urn:thinkmix:{name}:{model.model_fields['version'].default}"
    assert json.loads(command("schema", name)[1]) == published


def test_reports_are_what_their_schemas_say(built: Built, run: RunReport):
    """What a build writes, and a run with everything in it, hold to the published schemas."""
    for schema, document in (
        (RunReport, json.loads((built.folder / "report.json").read_bytes())),
        (RunReport, run.model_dump(mode="json")),
        (Report, json.loads((built.version / "report.json").read_bytes())),
    ):
        jsonschema.Draft202012Validator(json_schema(schema)).validate(document)


def test_a_versions_page_is_made_again_as_its_newest_run_told_it(
    store_copy, built: Built, tmp_path: Path, command
):
    """`thinkmix report --html` writes the very page that the run wrote."""
    mixture = store_copy() / "small"
    code, _, err = command("report", mixture, "--html", tmp_path / "again.html")
    assert (code, err) == (0, "")
    assert (tmp_path / "again.html").read_bytes() == (built.folder / "report.html").read_bytes()
    code, _, err = command("report", mixture, "--html", tmp_path / "none" / "again.html")
    assert (code, "cannot be written" in err) == (5, True)


def test_a_version_without_runs_is_shown_by_its_facts(store_copy, built: Built):
    """Of a version that came alone there are no gates, changes and dates, but its checks and figures."""
    version = store_copy() / "small" / "versions" / built.digest
    for told in version.parents[1].glob("runs/*/report.json"):
        told.write_bytes(b"{}")
    run = run_of(version)
    assert (run.candidate, run.status, run.started, run.report) == (
        built.digest,
        "published",
        "",
        built.run.report,
    )
    assert "may be trained on" in render_page(run)
    (version / "report.json").write_bytes(b"{}")
    with pytest.raises(StoreCorrupt, match=r"report\.json"):
        run_of(version)


def test_the_summary_fits_a_message(run: RunReport):
    """Verdict, failed gates, what to look at, what changed and shares, in a few lines."""
    lines = summary(run).splitlines()
    assert lines[0].startswith("**small** HELD: Do not train on this version. 1 check of")
    assert [line[:3] for line in lines if line.startswith("- ")] == ["- ✗", "- !"]
    assert any("212 rows added, 103 removed, 7 edited" in line for line in lines)
    assert len(lines) < 20
