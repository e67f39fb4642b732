"""The parts of the page: the verdict, what a section says, and a page of few facts."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.flows.pages.test_report import Page
from tests.harness.builders import ROOT
from tests.harness.reports import full_report, full_run
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.report import plots
from thinkmix.flows.pages.report.page import render_page
from thinkmix.flows.pages.report.schema import json_schema
from thinkmix.flows.pages.report.sections import difference, samples
from thinkmix.flows.pages.verdict import duration, moment, signals, verdict
from thinkmix.flows.runs.again import run_of
from thinkmix.flows.runs.summary import summary
from thinkmix.schemas.changes import Delta
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.plain import plain
from thinkmix.schemas.report import Report, Spread
from thinkmix.schemas.run import RunReport

PLACES = {"math": 0, "chat": 1}


@pytest.fixture(scope="module")
def run(built: Built) -> RunReport:
    """A run with everything in it, which a gate blocked."""
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
        ({"status": "blocked", "gates": ()}, "bad", "Do not train", "It waits for a person"),
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
    run = full_run(report, blocked=False).model_copy(update={"approval": None})
    assert (verdict(run).colour, verdict(run).sentence) == ("warn", "Nothing failed; 2 gates to look at.")


def test_an_accepted_version_says_who_accepted_it_and_why(report: Report):
    """The page of an approved version is amber and quotes the person."""
    text = words(render_page(full_run(report, blocked=False)))
    for said in (
        "This version may be trained on.",
        "Approved by Li Wei",
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
        "No example was sampled.",
        "No two rows say nearly the same.",
    ):
        assert said in text
    assert "No row was left out by a judgement." in text


def test_the_page_of_a_version_without_rows_draws_no_road(report: Report, built: Built):
    """Of a ledger in which nothing was read there are words instead of a picture without a scale."""
    empty = report.model_copy(update={"ledger": report.ledger.model_copy(update={"stages": ()})})
    page = render_page(built.run.model_copy(update={"report": empty}))
    assert "No row was read." in words(page)
    assert 'class="row-flow' not in page


def test_the_offending_characters_are_marked(report: Report):
    """A sample with a span shows exactly these characters as marked, even if the span leaves the text."""
    page = render_page(full_run(report))
    assert "The answer is 4.<mark>&lt;|im_end|&gt;</mark>" in page
    one = full_report(report).samples[0].model_copy(update={"content": "short", "highlight": (3, 99)})
    (group,) = samples(report.model_copy(update={"samples": (one,)}), kept=False)
    (row,) = group["rows"]
    assert (row["before"], row["marked"], row["after"]) == ("sho", "rt", "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")],
)
def test_durations_are_said_in_two_units(seconds: float, said: str):
    """Short ones in seconds, long ones in hours and minutes."""
    assert duration(seconds) == said


def test_a_name_loses_what_no_picture_can_hold_and_what_does_not_fit():
    """Control characters become dots; what is too long ends in one character that says so."""
    assert plain("a\x00b\x1b" + "x" * 40, 8) == "a·b·xxx…"


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
    assert lines[0].startswith("**small** BLOCKED: Do not train on this version. 1 check of")
    assert [line[:3] for line in lines if line.startswith("- ")] == ["- ✗", "- !"]
    assert any("212 rows added, 103 removed, 7 edited" in line for line in lines)
    assert len(lines) < 20
