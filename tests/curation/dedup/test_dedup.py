"""Which rows stay: near-duplicates against brute force, and each rule of the policy."""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from thinkmix.curation.answers.statuses import AGREE, DISAGREE, NO_REFERENCE, NONE
from thinkmix.curation.dedup.boilerplate import boilerplate, write_boilerplate
from thinkmix.curation.dedup.candidates import key_texts
from thinkmix.curation.dedup.dedup import DedupCounts, find_duplicates, write_bands
from thinkmix.curation.dedup.keys import NO_POLICIES
from thinkmix.curation.dedup.settings import DedupPlan
from thinkmix.curation.tables import KEY_SCHEMA, VERDICT_SCHEMA
from thinkmix.curation.text.shingles import shingle_hashes
from thinkmix.curation.validate.settings import CapBy

HUB = (Path(__file__).parents[3] / "../shared/hub").resolve()
PLAN = DedupPlan(permutations=120, bands=20)

WORDS = (
    "sum",
    "odd",
    "even",
    "number",
    "below",
    "find",
    "the",
    "of",
    "all",
    "how",
    "many",
    "train",
    "angle",
    "area",
)
HAN = "求所有小于的奇数之和为什么火车速度角圆面积质数苹果多少个如果那么证明请问今天"


def digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()


def row(text: str, n: int, **fields: object) -> dict[str, object]:
    """A key row: the n-th of source `math`, unlike any other unless `fields` say so."""
    source = fields.get("source", "math")
    content = fields.pop("content", (text, n))
    made = {
        "id": digest(source, content)[:32],
        "source": source,
        "content_key": digest(content),
        "text": text,
        "priority": 0,
        "quality": None,
        "solver": None,
        "cap": 1,
        "answer": None,
        "preamble": None,
        "turns": [1],
        "file": "shard-0",
        "row": n,
        "text_bytes": len(text.encode()),
    }
    return made | fields


def judge(
    rows: pl.DataFrame | Sequence[dict[str, object]],
    folder: Path,
    *,
    shards: int = 1,
    plan: DedupPlan = PLAN,
    whole: bool = False,
    threads: int = 1,
    cap_by: Mapping[str, CapBy] = NO_POLICIES,
) -> tuple[pl.DataFrame, DedupCounts]:
    """Cut rows into shards, run all stages, and return keys and verdicts side by side.

    `whole` compares texts with their boilerplate; `cap_by` chooses solutions of a source otherwise.
    """
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, schema=KEY_SCHEMA)
    size = max(-(-frame.height // shards), 1)
    names = [folder / f"{i}" for i in range(shards)]
    keys, bands, verdicts = (
        [name.with_suffix(end) for name in names] for end in (".keys", ".npy", ".verdict")
    )
    for i in range(shards):
        frame.slice(i * size, size).write_parquet(keys[i])
        write_bands(keys[i], bands[i], plan=plan)
    shared = folder / "boilerplate"
    texts = [partial(key_texts, path) for path in keys]
    known = np.empty(0, np.uint64) if whole else boilerplate(texts, bands, plan=plan, threads=threads)
    write_boilerplate(shared, known)
    counts = find_duplicates(
        keys, bands, verdicts, plan=plan, boilerplate=[shared], threads=threads, cap_by=cap_by
    )
    found = pl.concat([pl.read_parquet(path) for path in verdicts])
    assert found["id"].to_list() == frame["id"].to_list()
    return pl.concat([frame, found.drop("id")], how="horizontal"), counts


def outcomes(rows: Sequence[dict[str, object]], folder: Path) -> list[str | None]:
    return judge(rows, folder)[0]["reason"].to_list()


def all_pairs(texts: pl.Series, shingle: int = 5) -> sp.coo_matrix:
    """Exact Jaccard similarity of every pair of texts that share a shingle, by a sparse product."""
    hashes, offsets = shingle_hashes(texts, shingle=shingle)
    columns = np.unique(hashes, return_inverse=True)[1]
    sets = sp.csr_matrix(
        (np.ones(len(hashes), np.int32), columns, offsets), shape=(len(texts), max(columns) + 1)
    )
    pairs = sp.triu(sets @ sets.T, 1).tocoo()
    sizes = np.diff(offsets)
    return sp.coo_matrix(
        (pairs.data / (sizes[pairs.row] + sizes[pairs.col] - pairs.data), (pairs.row, pairs.col)), pairs.shape
    )


def recall_and_precision(judged: pl.DataFrame, threshold: float) -> tuple[float, float]:
    """Compare clusters with the graph of all pairs at or over the threshold."""
    texts = judged.select("text", "cluster").unique("text", maintain_order=True).sort("text")
    pairs = all_pairs(texts["text"])
    similar = pairs.data >= threshold
    edges = sp.coo_matrix((np.ones(similar.sum()), (pairs.row[similar], pairs.col[similar])), pairs.shape)
    truth = sp.csgraph.connected_components(edges, directed=False)[1]
    ours = np.unique(texts["cluster"].to_numpy(), return_inverse=True)[1]
    together = ours[pairs.row] == ours[pairs.col]
    joined = pl.DataFrame({"ours": ours, "truth": truth}).unique()
    pure = joined.group_by("ours").len().filter(pl.col("len") > 1).height == 0
    return float(together[similar].mean()), float(pure)


def planted(count: int, seed: int) -> pl.DataFrame:
    """Return distinct English and Chinese texts, each with a near copy for every third."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for n in range(count):
        if n % 2:
            words, gap = draw.choice(WORDS, draw.integers(3, 60)).tolist(), " "
        else:
            words, gap = draw.choice(list(HAN), draw.integers(3, 60)).tolist(), ""
        rows.append(row(gap.join(words), len(rows), quality=float(draw.integers(0, 3)), solver="ab"[n % 2]))
        if n % 3 == 0:
            words[int(draw.integers(len(words)))] = str(draw.integers(9))
            rows.append(row(gap.join(words), len(rows), source="chat", priority=int(n % 2), cap=2))
    return pl.DataFrame(rows, schema=KEY_SCHEMA)


def test_clusters_are_those_of_all_pairs(tmp_path: Path) -> None:
    """On planted near-copies in two languages recall is 0.98 or more, and no cluster holds a stranger."""
    judged, counts = judge(planted(2500, 1), tmp_path, shards=3)
    recall, pure = recall_and_precision(judged, PLAN.threshold)
    assert recall >= 0.98
    assert pure == 1.0
    assert counts.near_dup > 200
    assert counts.rows == judged.height


@pytest.mark.skipif(not HUB.exists(), reason="the shared hub is not beside the checkout")
def test_clusters_of_real_rows_are_those_of_all_pairs(tmp_path: Path) -> None:
    """On all 25,755 real problems and questions, against exact all-pairs similarity of whole texts."""
    math = pl.read_parquet(HUB / "nvidia/OpenMathReasoning/data/*.parquet")["problem"]
    chat = pl.read_parquet(HUB / "mlabonne/FineTome-100k/data/*.parquet")["conversations"]
    texts = pl.concat([math, chat.list.first().struct.field("value")]).fill_null("")
    judged, _ = judge([row(text, n) for n, text in enumerate(texts)], tmp_path, shards=4, whole=True)
    assert judged.height == 25_755
    recall, pure = recall_and_precision(judged, PLAN.threshold)
    assert recall >= 0.995
    assert pure == 1.0


def test_verdicts_do_not_depend_on_order_or_shards(tmp_path: Path) -> None:
    """Shuffled rows in another number of shards get the same verdicts, row by row."""
    frame = pl.concat([planted(600, 2), planted(600, 2).with_columns(row=pl.col("row") + 5000)])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    want, counts = judge(frame, tmp_path / "a")
    got, other = judge(frame.sample(fraction=1.0, shuffle=True, seed=3), tmp_path / "b", shards=5)
    assert got.sort("id", "row").equals(want.sort("id", "row"))
    assert (counts.exact_dup, counts.near_dup) == (other.exact_dup, other.near_dup)
    assert counts.exact_dup >= 800


def test_every_winner_stays_and_every_cluster_keeps_a_row(tmp_path: Path) -> None:
    """A row that is left out names a row of its cluster that is not; the ledger adds up."""
    frame = pl.concat([planted(600, 4), planted(600, 4).with_columns(row=pl.col("row") + 5000)])
    judged, counts = judge(frame, tmp_path, shards=2)
    stays = judged.filter(pl.col("reason").is_null())
    out = judged.filter(pl.col("reason").is_not_null())
    assert stays.select("winner", "similarity").null_count().row(0) == (stays.height, stays.height)
    known = stays.select(winner="id", winner_cluster="cluster")
    joined = out.join(known, on="winner", how="left")
    assert joined["winner_cluster"].to_list() == joined["cluster"].to_list()
    assert set(judged["cluster"]) == set(stays["cluster"])
    assert out.height == counts.exact_dup + counts.near_dup + counts.solution_cap
    sizes = judged.group_by("cluster").agg(
        pl.len(), pl.col("cluster_size").unique(), least=pl.col("id").min()
    )
    assert sizes.filter(pl.col("cluster_size") != pl.concat_list("len")).height == 0
    assert sizes["least"].to_list() == sizes["cluster"].to_list()


PROBLEM = (
    "Find the sum of all odd numbers below one hundred and explain each step of your work in detail please"
)
NEAR = PROBLEM.replace("please", "now")
OTHER = "How many prime numbers are there between ten and fifty, and which of them is the largest one of all"


def test_unlike_texts_stay(tmp_path: Path) -> None:
    """Rows that share nothing are alone in their cluster."""
    judged, _ = judge([row(PROBLEM, 1), row(OTHER, 2)], tmp_path)
    assert judged["reason"].to_list() == [None, None]
    assert judged["cluster"].to_list() == judged["id"].to_list()
    assert judged["cluster_size"].to_list() == [1, 1]


def test_texts_without_words_are_not_near_duplicates(tmp_path: Path) -> None:
    """Empty questions say nothing about each other, but equal conversations are still exact duplicates."""
    rows = [row("", 1), row(" ", 2), row("", 3, content="same"), row("", 4, content="same")]
    assert outcomes(rows, tmp_path) == [None, None, None, "exact_dup"]


def test_short_texts_are_compared_as_a_whole(tmp_path: Path) -> None:
    """Two texts of fewer words than a shingle are near-duplicates only if their words are equal."""
    rows = [row("Hi there!", 1, quality=1.0), row("hi  there!", 2), row("Hi you!", 3)]
    assert outcomes(rows, tmp_path) == [None, "near_dup", None]


ONE = {"id": "0" * 32, "text_bytes": 9}
"""What rows of one conversation have in common."""


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"priority": 2, "source": "a"}, {"priority": 1, "quality": 9.0, "source": "b"}),
        ({"quality": 0.5}, {"quality": 0.4}),
        ({"quality": -1.0}, {"quality": None}),
        ({"quality": 0.0}, {"quality": float("nan")}),
        ({"id": "0" * 32}, {"id": "0" * 31 + "1"}),
        (ONE | {"text_bytes": 8, "file": "b"}, ONE | {"text_bytes": 9, "file": "a"}),
        (
            ONE | {"answer": None, "solver": "a", "file": "b"},
            ONE | {"answer": None, "solver": "b", "file": "a"},
        ),
        (ONE | {"file": "a", "row": 9}, ONE | {"file": "b", "row": 1}),
        (ONE | {"row": 1}, ONE | {"row": 2}),
    ],
    ids=["priority", "quality", "known", "a number", "id", "text", "solver", "file", "row"],
)
@pytest.mark.parametrize("kind", ["exact_dup", "near_dup"])
@pytest.mark.parametrize("first", [True, False], ids=["better first", "worse first"])
def test_the_better_row_stays(
    better: dict[str, object], worse: dict[str, object], kind: str, first: bool, tmp_path: Path
) -> None:
    """By priority, quality, id, then what the rows say, then file and row; never by position."""
    same = {"content": "same"} if kind == "exact_dup" else {}
    rows = [row(PROBLEM, 7, **better, **same), row(PROBLEM if same else NEAR, 7, **worse, **same)]
    judged, _ = judge(rows if first else rows[::-1], tmp_path)
    want = [None, kind] if first else [kind, None]
    assert judged["reason"].to_list() == want
    assert judged["winner"].drop_nulls().to_list() == [rows[0]["id"]]
    assert judged["cluster"].to_list() == [min(str(made["id"]) for made in rows)] * 2


def test_similarity_is_the_true_jaccard_to_the_winner(tmp_path: Path) -> None:
    """20 words make 16 shingles; another last word leaves 15 of 17."""
    rows = [
        row(PROBLEM, 1, quality=2.0),
        row(PROBLEM, 2, quality=1.0),
        row(NEAR, 3),
        row(PROBLEM, 4, content=(PROBLEM, 1)),
    ]
    judged, counts = judge(rows, tmp_path)
    assert judged["reason"].to_list() == [None, "near_dup", "near_dup", "exact_dup"]
    assert judged["similarity"].to_list() == [None, 1.0, pytest.approx(15 / 17), 1.0]
    assert judged["cluster_size"].to_list() == [4, 4, 4, 4]
    assert (counts.texts, counts.candidates, counts.pairs_compared, counts.pairs_matched) == (2, 2, 1, 1)


def test_a_pair_exactly_at_the_threshold_is_a_duplicate(tmp_path: Path) -> None:
    """Reaching the threshold is enough; one shingle less is not."""
    words = [f"w{n}" for n in range(22)]
    rows = [row(" ".join(words), 1, quality=1.0), row(" ".join([*words[:20], "x", "y"]), 2)]
    for threshold, want in ((16 / 20, "near_dup"), (16 / 20 + 1e-6, None)):
        plan = DedupPlan(permutations=128, bands=64, threshold=threshold)
        assert judge(rows, tmp_path, plan=plan)[0]["reason"].to_list() == [None, want]


def test_a_cap_keeps_so_many_solutions_and_names_the_rest(tmp_path: Path) -> None:
    """With a cap of two the third solution of one solver goes, by quality."""
    rows = [row(PROBLEM, n, cap=2, quality=float(n)) for n in range(3)]
    assert outcomes(rows, tmp_path) == ["solution_cap", None, None]


def test_solvers_take_turns_under_a_cap(tmp_path: Path) -> None:
    """Each solver's best comes before any solver's second best."""
    rows = [
        row(PROBLEM, 1, cap=3, solver="r1", quality=9.0),
        row(PROBLEM, 2, cap=3, solver="r1", quality=8.0),
        row(PROBLEM, 3, cap=3, solver="r1", quality=7.0),
        row(PROBLEM, 4, cap=3, solver="qwq", quality=1.0),
        row(NEAR, 5, cap=3, solver=None, quality=0.5),
    ]
    assert outcomes(rows, tmp_path) == [None, "solution_cap", "solution_cap", None, None]


def test_other_sources_give_way_to_the_source_of_the_best_row(tmp_path: Path) -> None:
    """The cap is the winning source's own; a lower source keeps none of the cluster, whatever its cap."""
    rows = [
        row(PROBLEM, 1, source="math", priority=5, cap=2),
        row(NEAR, 2, source="math", priority=5, cap=2),
        row(PROBLEM, 3, source="chat", priority=1, cap=9, quality=9.0),
    ]
    judged, counts = judge(rows, tmp_path)
    assert judged["reason"].to_list() == [None, None, "near_dup"]
    assert (counts.near_dup, counts.solution_cap) == (1, 0)


def checked(*rows: tuple[int | None, dict[str, object]]) -> pl.DataFrame:
    """Return key rows whose answers were compared with those of their sources."""
    frame = pl.DataFrame([made for _, made in rows], schema=KEY_SCHEMA)
    return frame.with_columns(
        answer_check=pl.Series([status for status, _ in rows], dtype=pl.UInt8),
        text_bytes=pl.Series([100 - 10 * n for n in range(len(rows))], dtype=pl.Int64),
        branching=pl.Series([(3.0 * n) % 7 for n in range(len(rows))], dtype=pl.Float64),
    )


def test_a_verified_answer_stays_before_an_unknown_one_and_that_before_a_wrong_one(tmp_path: Path) -> None:
    """Before quality and before solvers take turns; the rows that lose say why."""
    found, _ = judge(
        checked(
            (DISAGREE, row(PROBLEM, 1, cap=2, quality=9.0, solver="r1")),
            (NONE, row(NEAR, 2, cap=2, quality=8.0, solver="r1")),
            (AGREE, row(PROBLEM, 3, cap=2, quality=1.0, solver="qwq")),
            (AGREE, row(PROBLEM, 4, cap=2, quality=0.0, solver="qwq")),
        ),
        tmp_path,
    )
    assert found["reason"].to_list() == ["solution_cap", "solution_cap", None, None]
    assert found["winner"].to_list()[:2] == [found["id"][2]] * 2
    assert found["detail"].to_list() == [
        "its answer is wrong, that of the row that stays is verified",
        "its answer is not verified, that of the row that stays is",
        None,
        None,
    ]


def test_an_answer_without_reference_is_as_unknown_as_one_that_was_not_compared(tmp_path: Path) -> None:
    """Quality decides between them; a wrong one loses."""
    rows = [(NO_REFERENCE, row(PROBLEM, 1)), (None, row(PROBLEM, 2, quality=1.0)), (DISAGREE, row(NEAR, 3))]
    found, _ = judge(checked(*rows), tmp_path)
    assert found["reason"].to_list() == ["near_dup", None, "near_dup"]
    last = "its answer is wrong, that of the row that stays is not known to be"
    assert found["detail"].to_list() == [None, None, last]


def test_a_source_of_higher_priority_stays_whatever_its_answers(tmp_path: Path) -> None:
    """The recipe states priority, and a doubt is found."""
    rows = [(DISAGREE, row(PROBLEM, 1, priority=1)), (AGREE, row(PROBLEM, 2, source="other"))]
    assert judge(checked(*rows), tmp_path)[0]["reason"].to_list() == [None, "near_dup"]


@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        ("solver", ["solution_cap", None, None, "solution_cap"]),
        ("shortest", ["solution_cap", "solution_cap", None, None]),
        ("branching", ["solution_cap", None, "solution_cap", None]),
        ("hash", None),
    ],
)
def test_solutions_stay_by_the_policy_of_their_source(
    by: CapBy, wanted: list[str | None], tmp_path: Path
) -> None:
    """Verified ones first in each; the best row of a problem stays, so that all others name it."""
    rows = checked(
        (DISAGREE, row(PROBLEM, 1, cap=2, quality=9.0, solver="a")),
        (AGREE, row(PROBLEM, 2, cap=2, quality=1.0, solver="c")),
        (AGREE, row(PROBLEM, 3, cap=2, quality=3.0, solver="b")),
        (AGREE, row(PROBLEM, 4, cap=2, quality=2.0, solver="b")),
    )
    found, _ = judge(rows, tmp_path, cap_by={"math": by})
    if wanted is None:
        least = set(sorted(found["id"][1:])[:2])
        wanted = [None if name in least else "solution_cap" for name in found["id"]]
    assert found["reason"].to_list() == wanted
    stay = set(found.filter(pl.col("reason").is_null())["id"])
    assert set(found["winner"].drop_nulls()) <= stay


def test_a_policy_leaves_the_rows_of_other_sources_in_their_places(tmp_path: Path) -> None:
    """Of equal priority the best row of all still decides which source stays."""
    rows = checked(
        (None, row(PROBLEM, 1, quality=5.0)),
        (None, row(PROBLEM, 2, quality=4.0, source="other")),
        (None, row(PROBLEM, 3, quality=3.0)),
    )
    found, _ = judge(rows, tmp_path, cap_by={"math": "shortest"})
    assert found["reason"].to_list() == ["near_dup", "near_dup", None]


def test_an_exact_duplicate_does_not_use_up_the_cap(tmp_path: Path) -> None:
    """Exact duplicates go first, so that two different solutions fill a cap of two."""
    rows = [
        row(PROBLEM, 1, cap=2, content="one", quality=3.0),
        row(PROBLEM, 2, cap=2, content="one", quality=2.0),
        row(PROBLEM, 3, cap=2, content="two"),
    ]
    assert outcomes(rows, tmp_path) == [None, "exact_dup", None]


def test_the_winner_of_an_exact_duplicate_is_its_twin(tmp_path: Path) -> None:
    """Where a cap keeps several rows, an exact duplicate names the equal one, not the best one."""
    rows = [
        row(PROBLEM, 1, cap=2, quality=9.0),
        row(PROBLEM, 2, cap=2, content="twin", quality=2.0),
        row(PROBLEM, 3, cap=2, content="twin", source="other"),
    ]
    judged, _ = judge(rows, tmp_path)
    assert judged["reason"].to_list() == [None, None, "exact_dup"]
    assert judged["winner"].to_list() == [None, None, rows[1]["id"]]


def test_an_exact_duplicate_connects_nothing(tmp_path: Path) -> None:
    """A row that is gone does not join two others by a text that lies between theirs."""
    words = [f"w{n}" for n in range(30)]
    between, left, right = words, ["x", "y", *words[2:]], [*words[:28], "x", "y"]
    rows = [
        row(PROBLEM, 1, content="same", priority=1),
        row(" ".join(between), 2, content="same", source="chat"),
        row(" ".join(left), 3, source="chat"),
        row(" ".join(right), 4, source="chat"),
    ]
    judged, _ = judge(rows, tmp_path)
    assert judged["reason"].to_list() == [None, "exact_dup", None, None]
    assert judged["cluster_size"].to_list() == [2, 2, 1, 1]


def test_the_winner_of_a_duplicate_of_a_dropped_row_is_the_row_that_stays(tmp_path: Path) -> None:
    """An exact duplicate whose twin is a near-duplicate points past the twin."""
    rows = [
        row(PROBLEM, 1, quality=9.0),
        row(NEAR, 2, content="twin", quality=2.0),
        row(NEAR, 3, content="twin", quality=1.0),
    ]
    judged, _ = judge(rows, tmp_path)
    assert judged["reason"].to_list() == [None, "near_dup", "exact_dup"]
    assert judged["winner"].to_list() == [None, rows[0]["id"], rows[0]["id"]]
    assert judged["similarity"].to_list() == [None, pytest.approx(15 / 17), pytest.approx(15 / 17)]


def test_empty_shards_and_empty_corpora_are_fine(tmp_path: Path) -> None:
    """No rows, no verdicts; the columns are there all the same."""
    judged, counts = judge(pl.DataFrame(schema=KEY_SCHEMA), tmp_path, shards=2)
    assert judged.height == counts.rows == 0
    assert pl.read_parquet_schema(tmp_path / "0.verdict") == VERDICT_SCHEMA


@pytest.mark.parametrize(("shards", "threads"), [(1, 2), (5, 2), (2, 3), (5, 8)])
def test_any_number_of_threads_writes_the_same_verdicts(tmp_path: Path, shards: int, threads: int) -> None:
    """Clusters, winners and similarities are those of one thread, byte for byte."""
    rows = pl.DataFrame([row(f"{RULE} and find {n} {n} {n}", n) for n in range(20)], schema=KEY_SCHEMA)
    rows = pl.concat([planted(150, 3), rows])
    found = []
    for count in (1, threads):
        (folder := tmp_path / str(count)).mkdir()
        _, counts = judge(rows, folder, shards=shards, threads=count)
        found.append((counts, [(folder / f"{n}.verdict").read_bytes() for n in range(shards)]))
    assert found[0] == found[1]
    assert found[0][0].near_dup > 10


def test_nothing_but_verdicts_is_left_behind(tmp_path: Path) -> None:
    """Scratch files are gone when the verdicts are there."""
    judge([row(PROBLEM, 1), row(NEAR, 2)], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.keys",
        "0.npy",
        "0.verdict",
        "boilerplate",
    ]


def test_an_id_that_is_not_hexadecimal_is_refused_by_name(tmp_path: Path) -> None:
    """The error names file, row and column."""
    with pytest.raises(ValueError, match=r"0\.keys: row 1: id .*'not hex'"):
        judge([row(PROBLEM, 1), row(NEAR, 2, id="not hex")], tmp_path)


def test_bands_of_another_plan_are_refused(tmp_path: Path) -> None:
    """Band files that do not fit plan or keys are named, not misread."""
    judge([row(PROBLEM, 1)], tmp_path)
    with pytest.raises(ValueError, match=r"0\.npy was written with another bands"):
        find_duplicates(
            [tmp_path / "0.keys"],
            [tmp_path / "0.npy"],
            [tmp_path / "0.verdict"],
            plan=DedupPlan(permutations=120, bands=30),
        )


def test_other_numbers_make_another_problem_if_the_plan_says_so(tmp_path: Path) -> None:
    """An exercise with other figures stays beside its sibling, but keeps their common cluster."""
    rule = (
        "show each step that you take, use the star for every product and two stars for every power, "
        "name the variable as the exercise does, leave no bracket open, round nothing before the end, "
        "and give the answer on a line of its own with the constant of integration written after it"
    )
    texts = [f"Find the antiderivative of {n} x for me and {rule}" for n in (7, 12, 7)]
    rows = [row(text, n) for n, text in enumerate(texts)]
    distinguishing = PLAN.model_copy(update={"numbers": "distinguish"})

    ignored, _ = judge(rows, tmp_path)
    told_apart, _ = judge(rows, tmp_path, plan=distinguishing)

    assert ignored["reason"].null_count() == 1
    assert sorted(told_apart["reason"].fill_null("stays")) == ["near_dup", "stays", "stays"]
    assert told_apart["reason"][1] is None
    assert told_apart["cluster"].n_unique() == 1


def test_rows_with_different_answers_are_never_one_problem(tmp_path: Path) -> None:
    """Whatever their texts; LaTeX spacing makes no difference, and a row without an answer fits any."""
    answers = [r"$\frac{1}{2}$", r"\dfrac{1}{2}.", "2", None]
    rows = [row(PROBLEM, n, answer=answer, quality=9.0 - n) for n, answer in enumerate(answers)]
    judged, _ = judge(rows, tmp_path)
    assert judged["reason"].to_list() == [None, "near_dup", None, "near_dup"]
    assert judged["winner"].to_list() == [None, rows[0]["id"], None, rows[0]["id"]]
    assert judged["cluster"].n_unique() == 1
    assert judged["problem"].to_list() == [rows[0]["id"], rows[0]["id"], rows[2]["id"], rows[0]["id"]]


def test_each_row_that_is_left_out_is_similar_to_one_that_stays(tmp_path: Path) -> None:
    """A chain of windows, each like its neighbours alone, keeps a row in every neighbourhood."""
    words = [f"w{n}" for n in range(200)]
    rows = [row(" ".join(words[at : at + 100]), at) for at in range(0, 90, 10)]
    judged, _ = judge(rows, tmp_path)
    dropped = judged.filter(pl.col("reason").is_not_null())
    assert 3 <= judged["reason"].null_count() <= 6
    assert judged["cluster"].n_unique() == 1
    assert dropped["similarity"].min() >= PLAN.threshold
    stays = judged.filter(pl.col("reason").is_null())["id"]
    assert dropped["winner"].is_in(stays.implode()).all()


RULE = " ".join(f"rule{n}" for n in range(60))


@pytest.mark.parametrize(("count", "stay"), [(9, 1), (10, 10), (40, 40)])
def test_what_many_texts_share_does_not_make_them_alike(tmp_path: Path, count: int, stay: int) -> None:
    """Ten exercises in one instruction are ten problems; nine are too few to know an instruction by."""
    rows = [row(f"{RULE} and find {n} {n} {n}", n) for n in range(count)]
    assert outcomes(rows, tmp_path).count(None) == stay


def test_copies_of_an_exercise_are_one_whatever_surrounds_them(tmp_path: Path) -> None:
    """Without the boilerplate the copies share most of their words, the others nothing."""
    exercise = " ".join(f"x{n}" for n in range(60))
    rows = [row(f"{RULE} and find {n} {n} {n}", n) for n in range(10)]
    rows += [row(f"{RULE} {exercise} a", 10), row(f"{RULE} {exercise} b", 11)]
    judged, _ = judge(rows, tmp_path)
    assert judged["reason"].null_count() == 11
    assert judged["reason"][10:].null_count() == 1
    # 56 of the rule, 4 at the seam and 56 of the exercise are in both, one at the end of each is not
    assert judged["similarity"].drop_nulls().to_list() == [pytest.approx(116 / 118)]


def test_boilerplate_is_what_more_than_a_hundredth_of_all_texts_share(tmp_path: Path) -> None:
    """Texts count, not rows: an exercise with a hundred solutions is stated once."""

    def shared(sharing: int, copies: int) -> int:
        texts = [f"a b c d {n}" if n >= sharing else f"v w x y z {n}" for n in range(1_100)]
        rows = [row(text, n) for n, text in enumerate([*texts, *["p q r s t"] * copies])]
        keys, bands = tmp_path / "keys", tmp_path / "bands"
        pl.DataFrame(rows, schema=KEY_SCHEMA).write_parquet(keys)
        write_bands(keys, bands, plan=PLAN)
        return len(boilerplate([partial(key_texts, keys)], [bands], plan=PLAN))

    assert [shared(11, 0), shared(12, 0), shared(11, 100)] == [0, 1, 0]


def test_supervised_turns_decide_before_the_hash(tmp_path: Path) -> None:
    """Of two rows of one score the one that teaches more stays."""
    rows = [row(PROBLEM, n, turns=turns) for n, turns in enumerate([[1], [1, 3], [1]])]
    assert outcomes(rows, tmp_path) == ["near_dup", None, "near_dup"]


def test_rows_with_other_system_prompts_or_tools_are_not_the_same(tmp_path: Path) -> None:
    """One question under two system prompts is two tasks, which stay in one cluster for the split."""
    rows = [row(PROBLEM, n, preamble=preamble) for n, preamble in enumerate(["a", "b", None, "a"])]
    judged, _ = judge(rows, tmp_path)
    assert sorted(judged["reason"].fill_null("stays")) == ["near_dup", "stays", "stays", "stays"]
    assert judged["reason"][1:3].null_count() == 2
    assert judged["cluster"].n_unique() == 1
