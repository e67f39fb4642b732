"""The order of preference between rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.dedup.survivors import Preference, ranks

ID_HALF = st.one_of(st.integers(0, 3), st.sampled_from([1 << 40, (1 << 40) + 1, (1 << 64) - 1]))
ROW = st.tuples(
    st.integers(0, 2),
    st.one_of(st.just(float("nan")), st.sampled_from([-1.5, 0.0, 2.0])),
    st.integers(0, 2),
    ID_HALF,
    ID_HALF,
    st.integers(0, 2),
    st.integers(0, 5),
)


@settings(deadline=None)
@given(st.lists(ROW, max_size=30, unique_by=lambda row: row[3:]))
def test_rows_are_preferred_by_priority_quality_turns_id_and_ties(rows: list[tuple]) -> None:
    """The fast sort gives the order of the plain one, also for ids that differ in their last bits only."""

    def preference(place: int) -> tuple:
        priority, quality, turns, *rest = rows[place]
        return -priority, quality != quality, -quality if quality == quality else 0, -turns, *rest

    priority, quality, turns, high, low, file, row = ([row[i] for row in rows] for i in range(7))
    got = ranks(
        Preference(np.array(priority, np.int64), np.array(quality, np.float64), np.array(turns, np.int64)),
        np.array([high, low], np.uint64),
        (np.array(file, np.int32), np.array(row, np.int64)),
    )
    assert np.argsort(got).tolist() == sorted(range(len(rows)), key=preference)


def test_the_highest_bits_of_an_id_count_first() -> None:
    """An id is one number of 128 bits: neither its lower bits nor its lower half outweigh its first bit."""
    ids = np.array([[1 << 63, 1, 2, 2], [0, 9, 8, 7]], np.uint64)
    same = np.zeros(4, np.int64)
    got = ranks(Preference(same, same.astype(np.float64), same), ids, ())
    assert got.tolist() == [3, 0, 2, 1]
