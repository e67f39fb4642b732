"""A review end to end: what is sampled and asked, what is stored, and what the score says of it."""

import json
import shutil
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.harness.builders import REASONS, chat_row, quick_build, recipe, text, write_rows
from thinkmix.flows.cli.show.show_review import show_plan, show_score, walk
from thinkmix.flows.inspect.review import Review, answer, open_review, take, write_questions
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.errors import NotFound, StoreError
from thinkmix.schemas.review import KEPT

JUDGED = REASONS - {"not_sampled"}


@pytest.fixture
def fresh(version: Path, tmp_path: Path) -> Path:
    """The version in a mixture's folder of its own, without any verdicts."""
    mixture = tmp_path / "small"
    copy = shutil.copytree(version, mixture / "versions" / version.name)
    shutil.copy(version.parents[1] / "places.json", mixture)
    return copy


def screen() -> Console:
    return Console(file=StringIO(), width=120)


def typed(keys: str):
    """Return a keyboard on which these keys are pressed, and then none."""
    left = iter(keys)
    return lambda: next(left, "")


def stored(version: Path) -> list[dict]:
    path = version.parents[1] / "reviews" / f"{version.name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_reason_and_the_kept_rows_are_asked_about(version: Path):
    """Each stratum asks about as many rows as it was told, with their text; good rows left over are not."""
    asked = open_review(version, each=3).questions()
    assert {question.reason for question in asked} == JUDGED | {KEPT}
    assert all(question.text and not question.verdict for question in asked)
    counted = pl.DataFrame([(question.source, question.reason) for question in asked], orient="row")
    sizes = open_review(version, each=3).strata()
    assert {(a, b): n for a, b, n in counted.group_by(pl.all()).len().rows()} == {
        stratum: min(3, size) for stratum, size in sizes.items()
    }
    assert open_review(version, each=3).questions() == asked
    assert open_review(version, each=3, seed=2).questions() != asked


def test_strata_are_as_large_as_the_outcomes_say(version: Path):
    """The ledger's numbers, which weigh the strata, are those of the rows."""
    outcomes = pl.scan_parquet(version / "outcomes" / "*.parquet").filter(pl.col("reason") != "not_sampled")
    kept = pl.scan_parquet(version / "outcomes" / "*.parquet").filter(pl.col("reason").is_null())
    rows = pl.concat([outcomes, kept]).with_columns(pl.col("reason").fill_null(KEPT))
    sizes = rows.group_by("source", "reason").len().collect().rows()
    assert open_review(version).strata() == {(source, reason): size for source, reason, size in sizes}


def test_duplicates_come_with_the_row_that_stays(version: Path):
    """A near-duplicate can only be judged beside its winner."""
    asked = [question for question in open_review(version).questions() if question.reason == "near_dup"]
    assert asked
    assert all(question.instead and question.instead != question.text for question in asked)


def test_rows_are_asked_stratum_by_stratum_in_turn(version: Path):
    """A reviewer who stops early has seen rows of every stratum."""
    review = open_review(version, each=5)
    first = [(question.source, question.reason) for question in review.questions()]
    assert set(first[: len(review.strata())]) == set(review.strata())


def test_a_walk_stores_each_verdict_and_goes_on_later(fresh: Path):
    """Keys are taken one by one, others are ignored, and a second walk begins where the first ended."""
    out = screen()
    review = open_review(fresh, each=2)
    assert walk(review, out, typed("kz\nduq"), who="anna") == 3
    assert [line["verdict"] for line in stored(fresh)] == ["keep", "drop", "unsure"]
    assert {(line["who"], line["seed"], line["each"]) for line in stored(fresh)} == {("anna", 1, 2)}
    assert all(line["when"].endswith("+00:00") for line in stored(fresh))
    again = open_review(fresh)
    assert again.each == 2  # as it was begun
    assert walk(again, out, typed("d" * 200), who="ben") == len(review.questions()) - 3
    assert walk(open_review(fresh), out, typed("k")) == 0
    ids = [(line["id"], line["reason"]) for line in stored(fresh)]
    assert len(ids) == len(set(ids))


def test_rows_that_lie_nowhere_any_more_are_told(fresh: Path):
    """A walk cannot ask about them, and says how many they are."""
    (fresh.parents[1] / "places.json").unlink()
    out = screen()
    walk(open_review(fresh, each=1), out, typed("q"))
    assert "1 sampled rows cannot be asked about" in out.file.getvalue()  # beyond the cap of solutions


def test_a_walk_can_go_back(fresh: Path):
    """The last word on a row counts."""
    review = open_review(fresh, each=1)
    walk(review, screen(), typed("kbdq"))
    assert [line["verdict"] for line in stored(fresh)] == ["keep", "drop"]
    (said,) = open_review(fresh).verdicts.values()
    assert said.verdict == "drop"


def test_a_filled_in_file_is_taken_once(fresh: Path, tmp_path: Path):
    """Verdicts are read from the file that was written, and handing it in again adds nothing."""
    out = tmp_path / "review.jsonl"
    write_questions(open_review(fresh, each=2).questions(), out)
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    for line in lines[:5]:
        line["verdict"] = "drop"
    out.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert (take(fresh, out, who="cleo"), take(fresh, out, who="cleo")) == (5, 0)
    lines[0]["verdict"] = "keep"
    out.write_text(json.dumps(lines[0]), encoding="utf-8")
    assert take(fresh, out) == 1
    assert len(open_review(fresh).verdicts) == 5
    with pytest.raises(StoreError, match="is there already"):
        write_questions([], out)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "maybe"}, "line 2: verdict: "),
        ({"version": "0" * 64}, "line 2 is of version '000000000000', not of "),
        ({"extra": 1}, "line 2: extra: "),
        ({"id": "0" * 32}, "line 2 is of a row that was not sampled"),
        (None, "line 2: the line: Invalid JSON"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_not_taken(change, message, fresh: Path, tmp_path: Path):
    """One bad line, and no line is stored."""
    good, bad = (question.model_dump() for question in open_review(fresh).questions()[:2])
    good["verdict"] = "keep"
    broken = "{" if change is None else json.dumps({**bad, **change})
    out = tmp_path / "review.jsonl"
    out.write_text(f"{json.dumps(good)}\n{broken}\n", encoding="utf-8")
    with pytest.raises(StoreError, match=message):
        take(fresh, out)
    assert not (fresh.parents[1] / "reviews").exists()
    with pytest.raises(StoreError, match="cannot be read"):
        take(fresh, tmp_path / "nowhere.jsonl")


def judge_all(version: Path, each: int = 100) -> Review:
    """Call every solution beyond the cap an error, one kept row, and all else right."""
    spared = True
    for question in open_review(version, each=each).questions():
        opinion = "keep" if question.reason in (KEPT, "solution_cap") else "drop"
        if question.reason == KEPT and spared:
            opinion, spared = "drop", False
        answer(version, question, opinion, who="anna")
    return open_review(version)


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a version in which 8 rows have a flag, 2 of them left out by it, as the lead words of a loop."""
    folder = tmp_path_factory.mktemp("looped")
    loop = "we go round and round in circles until somebody tells us to stop now. " * 20
    for name, loops in {"chat": range(6), "other": range(2)}.items():
        rows = [
            chat_row(
                f"Tell {name} of {text((name, n))}?", f"Well {n}. {loop}" if n in loops else text((n, name))
            )
            for n in range(9)
        ]
        write_rows(folder / f"{name}.jsonl", rows)
    sources = [
        {"name": name, "kind": "local", "format": "sharegpt", "files": [f"{name}.jsonl"]}
        for name in ("chat", "other")
    ]
    sources[1]["select"] = {"without": ["repetition"]}
    mix = {"shares": {"chat": 0.5, "other": 0.5}, "eval_share": 0}
    dedup = {"threshold": 1.0}
    stated = {
        "name": "small",
        "sources": sources,
        "mix": mix,
        "dedup": dedup,
        "rules": {"repetition": "flag"},
    }
    return quick_build(Recipe.model_validate(stated), folder / "store", folder).version


def test_the_hits_of_a_rule_are_asked_about_with_their_words(looped: Path):
    """Those that it flagged, and those that were left out for its flag; nothing else."""
    review = open_review(looped, rules=["repetition"])
    assert review.strata() == {("chat", "hit:repetition"): 6, ("other", "hit:repetition"): 2}
    flagged = [question for question in review.questions() if question.source == "chat"]
    assert all("»we go round and round" in (question.words or "") for question in flagged)
    with pytest.raises(NotFound, match="has no row that html_entities flagged or left out"):
        open_review(looped, rules=["html_entities"])


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("w" * 8, "switch it off"),
        ("rrrrrwww", "let it flag at most"),
        ("r" * 8, "`repetition: {action: drop, reviewed: {read: 8, right: 8}}`"),
        ("rr", "not decided yet"),
    ],
)
def test_a_review_of_hits_says_what_a_recipe_may_do(looped: Path, tmp_path: Path, keys: str, says: str):
    """From the precision, with each source weighted by its hits."""
    copy = shutil.copytree(looped.parents[1], tmp_path / "small") / "versions" / looped.name
    out = screen()
    assert walk(open_review(copy, rules=["repetition"]), out, typed(keys)) == len(keys)
    assert "r right · w wrong · u unsure" in out.file.getvalue()
    review = open_review(copy, rules=["repetition"])
    (rule,) = review.score().rules
    assert (rule.hits, rule.read, rule.right) == (8, len(keys), keys.count("r"))
    assert says in rule.says
    assert open_review(copy).score().reviewers == ()  # the other review knows nothing of it


def test_a_hit_is_called_right_or_wrong(looped: Path, tmp_path: Path):
    """What is said of dropped rows is refused."""
    out = tmp_path / "review.jsonl"
    write_questions(open_review(looped, rules=["repetition"]).questions()[:1], out)
    out.write_text(out.read_text().replace('"verdict":""', '"verdict":"keep"'))
    with pytest.raises(
        StoreError, match="line 1 says keep of hit:repetition; say one of right, wrong, unsure"
    ):
        take(looped, out)


def test_the_score_of_a_whole_review_is_the_truth(fresh: Path):
    """When all rows are judged the rates are counts, and nothing is uncertain."""
    score = judge_all(fresh).score()
    strata = {(stratum.source, stratum.reason): stratum for stratum in score.strata}
    dropped = sum(stratum.rows for stratum in score.strata if stratum.reason != KEPT)
    capped = strata["math", "solution_cap"].rows
    assert score.false_drop.rate.estimate == pytest.approx(capped / dropped)
    assert score.false_drop.rate.low == score.false_drop.rate.high == score.false_drop.rate.estimate
    assert (score.false_drop.covered, score.false_drop.judged) == (dropped, dropped)
    kept = score.false_keep
    assert (kept.wrong, kept.rate.estimate) == (1, pytest.approx(1 / kept.rows))
    assert (score.reviewers, score.reused) == (("anna",), 0)


def test_unsure_and_silence_count_for_nothing(fresh: Path):
    """They are told, leave the rate alone, and a stratum without a verdict is said not to be covered."""
    review = open_review(fresh, each=4)
    first = next(question for question in review.questions() if question.reason == KEPT)
    answer(fresh, first, "unsure")
    score = open_review(fresh).score()
    assert (score.false_keep.judged, score.false_keep.covered, score.false_keep.rate) == (0, 0, None)
    assert sum(stratum.unsure for stratum in score.strata) == 1
    out = screen()
    show_score(score, out)
    show_plan(open_review(fresh), out)
    assert "kept in error" not in out.file.getvalue()


def test_a_verdict_goes_with_the_row_and_the_reason(sources: Path, tmp_path: Path):
    """Another version reuses it for the same row with the same reason, and for no other."""
    store = tmp_path / "store"
    first = quick_build(recipe(), store, sources).version
    judge_all(first)
    # one solution a problem fewer, so rows that were kept or beyond the cap have other outcomes
    sources_ = [source.model_copy(update={"max_solutions_per_problem": 1}) for source in recipe().sources]
    second = quick_build(recipe().model_copy(update={"sources": tuple(sources_)}), store, sources).version
    assert second != first
    review = open_review(second, each=100)
    score = review.score()
    assert score.reused == sum(stratum.judged + stratum.unsure for stratum in score.strata) > 0
    known = {(said["id"], said["reason"]) for said in stored(first)}
    for question in review.questions():
        assert bool(question.verdict) == ((question.id, question.reason) in known)
    assert any(not question.verdict for question in review.questions())


def test_verdicts_survive_a_line_that_was_cut_off(fresh: Path):
    """A crash while writing costs at most the verdict that was being written."""
    walk(open_review(fresh, each=1), screen(), typed("kq"))
    path = fresh.parents[1] / "reviews" / f"{fresh.name}.jsonl"
    with path.open("ab") as file:
        file.write(b'{"id": "cut')
    walk(open_review(fresh), screen(), typed("dq"))
    assert len(open_review(fresh).verdicts) == 2


def test_a_version_outside_a_store_cannot_be_reviewed(version: Path, tmp_path: Path):
    """There is nowhere to keep verdicts on it, and that is said."""
    copy = shutil.copytree(version, tmp_path / "elsewhere" / version.name)
    with pytest.raises(NotFound, match="is not in a store"):
        open_review(copy)


def test_the_score_reads_as_sentences(fresh: Path):
    """A person reads rate, interval and how many rows it comes from."""
    out = screen()
    show_score(judge_all(fresh, each=2).score(), out)
    words = out.file.getvalue()
    assert "dropped in error: " in words
    assert "95 % interval" in words
    assert "judged by anna" in words
    show_score(open_review(fresh, seed=9, each=1).score(), out)
