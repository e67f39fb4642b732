"""Who stays of a group of duplicates: the declared policy, as array operations over all rows at once.

Rows are ordered best first by source priority, doubt of their answer (verified, unknown, wrong), quality
(unknown last), supervised turns (more first) and id. Rows of one id are ordered by what else they say, and
only then by file and row. Of exact duplicates the best stays. Of the rows of one problem the source of the
best row stays, with up to `cap` rows, those of less doubt first; among equal ones solvers take turns, so that
a cap of two keeps two solvers' solutions where there are two. A source may have another order, see
`validate.settings.CapBy`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.dedup.clusters import Rows
from thinkmix.curation.text.kernels import Hashes

Integers = NDArray[np.int64]
Outcomes = NDArray[np.uint8]
STAYS, EXACT, NEAR, CAP, EVAL = 0, 1, 2, 3, 4
"""Outcome of a row."""


class Preference(NamedTuple):
    """What makes a row better than another, the first field that differs first."""

    priority: Integers
    """Of the row's source, higher first."""
    quality: NDArray[np.float64]
    """Higher first; NaN is unknown and comes last."""
    turns: Integers
    """Turns that are learned, more first."""
    doubt: Rows | None = None
    """Of the row's answer, less first, before quality; unset if no answer was compared."""


def ranks(preference: Preference, ids: Hashes, ties: Sequence[Rows | Integers | Hashes]) -> Rows:
    """Return the place of each row in the order of preference, 0 for the best.

    Args:
        preference: what makes rows better.
        ids: row ids as 128 bits, shape (2, n), lower first.
        ties: what decides between rows of one id, lower first, the first key that differs first.
    """
    order = _by_id(ids, ties)
    order = _stably(order, -preference.turns)
    order = _stably(order, np.where(np.isnan(preference.quality), np.inf, -preference.quality))
    if preference.doubt is not None:
        order = _stably(order, preference.doubt)
    order = _stably(order, -preference.priority)
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return ranks


def reorder(ranks: Rows, rows: Rows, doubt: Rows | None, merit: Integers) -> None:
    """Give the ranks of some rows to the same rows in another order: by doubt, merit and rank, less first.

    Args:
        ranks: of all rows; is changed.
        rows: those of one source, so that its rows stay among those of others as they were.
        doubt: of all rows.
        merit: of all rows.
    """
    keys = (ranks[rows], merit[rows]) + (() if doubt is None else (doubt[rows],))
    ranks[rows[np.lexsort(keys)]] = np.sort(ranks[rows])


def _stably(order: Rows, key: Rows | Integers | NDArray[np.float64]) -> Rows:
    """Sort an order by one more key, unless that is the same for all rows."""
    return order[np.argsort(key[order], kind="stable")] if (key != key[:1]).any() else order


def _by_id(ids: Hashes, ties: Sequence[Rows | Integers | Hashes]) -> Rows:
    """Return the rows by id, and those of one id by the other keys.

    Sorts the upper bits of an id and the row packed into one integer, several times as fast as by all
    keys; what is equal there, hardly more than rows of one id, is sorted by all keys.
    """
    rows = ids.shape[1]
    shift = np.uint64(max(rows - 1, 1).bit_length())
    packed = ids[0] >> shift << shift
    packed |= np.arange(rows, dtype=np.uint64)
    packed.sort()
    order: Rows = (packed & ((np.uint64(1) << shift) - np.uint64(1))).astype(np.int32)
    packed >>= shift
    tied = np.zeros(rows, np.bool_)
    tied[1:] = packed[1:] == packed[:-1]
    tied[:-1] |= tied[1:]
    mine = order[tied]
    keys = [key[mine] for key in (ids[0], ids[1], *ties)]
    order[tied] = mine[np.lexsort(keys[::-1])]
    return order


def best_of(groups: Rows, ranks: Rows) -> Rows:
    """Return per row the best row of its group; `groups` names groups by integers below their length."""
    by_rank = np.empty_like(ranks)
    by_rank[ranks] = np.arange(len(ranks), dtype=np.int32)
    least = np.full(len(groups), len(groups), np.int32)
    np.minimum.at(least, groups, ranks)
    best: Rows = by_rank[least[groups]]
    return best


class Solutions(NamedTuple):
    """What decides which solutions of a problem stay, one entry per row."""

    source: Rows
    """Code of the row's source."""
    solver: Rows
    """Code of the model or person that wrote the solution; -1 if none is named, or they take no turns."""
    cap: Integers
    """Rows of one problem that the row's source may keep."""
    doubt: Rows
    """Of the row's answer, less first."""


def problem_outcomes(problems: Rows, ranks: Rows, solutions: Solutions) -> Outcomes:
    """Return for each row whether it stays, or is left out as near-duplicate or over the cap.

    Args:
        problems: each row's problem, named by one of its rows.
        ranks: order of preference.
        solutions: what decides which of them stay.
    """
    source, solver, cap, doubt = solutions
    best = best_of(problems, ranks)
    chosen = np.flatnonzero(source == source[best])
    outcomes = np.full(len(problems), NEAR, np.uint8)
    turn = _place_in_run(chosen, (solver[chosen], problems[chosen], doubt[chosen]), ranks[chosen])
    place = _place_in_run(chosen, (problems[chosen],), ranks[chosen], turn, doubt[chosen])
    over = np.where(cap[chosen] > 1, CAP, NEAR)
    outcomes[chosen] = np.where(place < cap[chosen], STAYS, over)
    return outcomes


def _place_in_run(rows: NDArray[np.int64], run: tuple[Rows, ...], *order: Rows) -> Rows:
    """Return each row's place among the rows with the same `run` keys, by the last of `order` first."""
    sequence = np.lexsort((*order, *run))
    starts = np.zeros(len(rows), np.bool_)
    starts[:1] = True
    for key in run:
        starts[1:] |= key[sequence][1:] != key[sequence][:-1]
    heads = np.flatnonzero(starts)
    places = np.arange(len(rows)) - np.repeat(heads, np.diff(np.append(heads, len(rows))))
    found = np.empty(len(rows), np.int32)
    found[sequence] = places
    return found
