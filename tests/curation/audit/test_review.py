"""Sampling rows for review, and the rates that follow: right as often as they say, against a known truth."""

from hashlib import sha256

import numpy as np
import polars as pl
import pytest

from thinkmix.curation.audit.review import combine_rates, rate, sample
from thinkmix.schemas.review import KEPT


def outcomes(number: int) -> pl.DataFrame:
    """Make rows of two sources, most of them kept, some dropped for one of two reasons."""
    reasons = [None, None, "near_dup", None, "too_long"]
    return pl.DataFrame(
        {
            "id": [sha256(str(n).encode()).hexdigest()[:32] for n in range(number)],
            "source": [("math", "chat")[n % 2] for n in range(number)],
            "reason": [reasons[n % 5] for n in range(number)],
            "file": ["0.jsonl"] * number,
            "row": list(range(number)),
            "detail": [None] * number,
            "winner": [None] * number,
        },
        schema_overrides={"detail": pl.String(), "winner": pl.String(), "reason": pl.String()},
    )


def test_every_stratum_gives_as_many_rows_as_asked_for():
    """Each source and reason, kept rows among them, gives the same number, or all it has."""
    sampled = sample([outcomes(100)], each=12, seed=1)
    sizes = {
        (row["source"], row["reason"]): row["len"]
        for row in sampled.group_by("source", "reason").len().to_dicts()
    }
    assert sizes == {(source, reason): 12 if reason == KEPT else 10
                     for source in ("chat", "math") for reason in (KEPT, "near_dup", "too_long")}  # fmt: skip


def test_the_draw_depends_on_nothing_but_rows_and_seed():
    """Order and pieces do not matter, another seed samples others, and more rows include the fewer."""
    rows = outcomes(500)
    whole = sample([rows], each=5, seed=1)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=3)
    assert sample([shuffled[:200], shuffled[200:201], shuffled[201:]], each=5, seed=1).equals(whole)
    assert not sample([rows], each=5, seed=2)["id"].equals(whole["id"])
    assert set(whole["id"]) < set(sample([rows], each=9, seed=1)["id"])


def test_every_row_is_as_likely_as_another():
    """Over many seeds each row of a stratum is sampled about equally often."""
    rows = outcomes(100).filter(pl.col("reason") == "near_dup")
    seen = pl.concat([sample([rows], each=5, seed=seed) for seed in range(400)])["id"].value_counts()
    assert seen.height == rows.height  # 20 rows, 2 strata of 10
    assert seen["count"].min() > 150  # 200 are expected, with a standard deviation of 10
    assert seen["count"].max() < 250


@pytest.mark.parametrize(
    ("wrong", "judged", "low", "high"),
    [
        (0, 20, 0.0, 0.1611),
        (5, 20, 0.1119, 0.4687),
        (10, 20, 0.2993, 0.7007),
        (1, 20, 0.00256, 0.2361),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_a_stratum_has_wilson_s_interval(wrong, judged, low, high):
    """In a stratum without end it is the published interval, with the Poisson limit for one wrong row."""
    found = rate(wrong, judged, 10**9)
    assert found.estimate == wrong / judged
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_stratum_that_was_judged_whole_is_known_exactly():
    """Nothing is left to estimate, and the closer one is to that the narrower is the interval."""
    assert rate(2, 8, 8).model_dump() == {"estimate": 0.25, "low": 0.25, "high": 0.25}
    widths = [rate(5, 20, rows).high - rate(5, 20, rows).low for rows in (21, 40, 400, 10**6)]
    assert widths == sorted(widths)


def test_strata_weigh_by_their_rows():
    """A large stratum decides, one without verdicts is left out, and without any there is no rate."""
    assert combine_rates([(0, 10, 90), (10, 10, 10)]).estimate == pytest.approx(0.1)
    assert combine_rates([(0, 10, 90), (10, 10, 10), (0, 0, 10**6)]).estimate == pytest.approx(0.1)
    assert combine_rates([(3, 5, 5), (0, 3, 3)]).model_dump() == pytest.approx(
        {"estimate": 3 / 8, "low": 3 / 8, "high": 3 / 8}
    )
    assert combine_rates([(0, 0, 10)]) is None
    assert combine_rates([]) is None


WORLDS = {
    "few large, few small": ([5000, 3000, 800, 60, 9], [0.02, 0.1, 0.3, 0.5, 0.3]),
    "many strata, rare errors": ([100_000] * 10, [0.02] * 10),
    "twenty strata, very rare errors": ([30_000] * 20, [0.01] * 20),
    "many strata, many errors": ([100_000] * 10, [0.3] * 10),
    "one rule is wrong, the others right": ([400] * 6, [0, 0, 0.01, 0.02, 0.05, 0.9]),
    "nearly one stratum": ([5000, 30], [0.008, 0.2]),
}


@pytest.mark.parametrize(("sizes", "rates"), WORLDS.values(), ids=WORLDS)
def test_the_interval_holds_the_truth_in_93_of_100_reviews(sizes, rates):
    """Of 2,000 simulated reviews of 20 rows a stratum at least 93 % have the true rate in their interval."""
    draw = np.random.default_rng(7)
    wrong = [round(size * share) for size, share in zip(sizes, rates, strict=True)]
    truth = sum(wrong) / sum(sizes)
    judged = [min(20, size) for size in sizes]
    found = draw.hypergeometric(wrong, np.subtract(sizes, wrong), judged, (2000, len(sizes)))
    held = 0
    for review in found.tolist():
        estimated = combine_rates(list(zip(review, judged, sizes, strict=True)))
        held += estimated.low - 1e-12 <= truth <= estimated.high + 1e-12
    assert held >= 0.93 * 2000
