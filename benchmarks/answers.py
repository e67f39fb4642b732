"""Answers beside those that a source names: agreement with a grader, speed, and what math-verify is asked.

python -m benchmarks.answers HUB             all rows of nvidia/OpenMathReasoning in a folder of its files
python -m benchmarks.answers HUB --hits 60   also print 60 of the rows that `wrong_answer` finds, to be read

Rows of `problem_source` rgym_* that are scored exactly 0.0 or 1.0 were scored themselves; other pass rates
describe the problem. Rows that validation refuses are left out. Time is that of the processor, of one core.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import polars as pl

from thinkmix.curation.answers import verify
from thinkmix.curation.answers.check import Checked, check
from thinkmix.curation.answers.compare import compare
from thinkmix.curation.answers.expression import parsed
from thinkmix.curation.answers.find import Stated, final_answers
from thinkmix.curation.answers.normal import normal_form
from thinkmix.curation.answers.statuses import AGREE, STATUSES
from thinkmix.curation.read.read import RawRow
from thinkmix.curation.validate.rowwise import Origin, judge
from thinkmix.curation.validate.settings import RowSettings
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning

SCORES = ("0.0", "1.0")


class Row(NamedTuple):
    """A valid row, as the rules see it."""

    problem: str
    said: bytes
    reference: str | None
    source: str
    rate: str


class Found(NamedTuple):
    """A row and what its answer is."""

    row: Row
    checked: Checked


def read_rows(hub: Path) -> Iterator[Row]:
    """Yield the rows that are valid."""
    origin = Origin(RowSettings(name="math", format=OpenMathReasoning()), "cot.parquet")
    for path in sorted(hub.rglob("*.parquet")):
        for number, values in enumerate(pl.read_parquet(path).iter_rows(named=True)):
            judged = judge(RawRow(number, values, None, ""), origin=origin, max_row_bytes=10**8)
            if judged.conversation is not None:
                last = judged.conversation.messages[-1].content.encode()
                yield Row(
                    values["problem"],
                    last,
                    judged.conversation.answer,
                    values["problem_source"],
                    values["pass_rate_72b_tir"],
                )


def check_all(rows: list[Row]) -> tuple[list[Found], dict[str, float]]:
    """Return what the answers are, and how long that took: with arithmetic alone, and of math-verify."""
    plain, trees, found = [0, 0.0], [0, 0.0], []
    asked, seconds, slow = 0, 0.0, 0
    for row in rows:
        begin = time.process_time()
        stated = final_answers(row.said, 0, len(row.said))
        check(stated, row.reference, row.problem.encode().lower, compare)
        took = time.process_time() - begin
        kind = trees if _are_expressions(stated, row.reference) else plain
        kind[0], kind[1] = kind[0] + 1, kind[1] + took
        begin = time.perf_counter()
        pairs = verify._asked.cache_info().misses
        checked = check(stated, row.reference, row.problem.encode().lower, verify.decide)
        if verify._asked.cache_info().misses > pairs:
            asked, seconds = asked + 1, seconds + time.perf_counter() - begin
            slow += checked.why == verify._TOO_LONG.why
        found.append(Found(row, checked))
    rates = {"plain": plain[0] / plain[1], "trees": trees[0] / trees[1], "expressions": trees[0]}
    return found, {**rates, "asked": asked, "asked_seconds": seconds, "too_long": slow}


def _are_expressions(stated: list[Stated], reference: str | None) -> bool:
    """Return whether more than the form of texts and numbers decided: expressions were evaluated."""
    if not stated or reference is None or normal_form(stated[-1].text) == normal_form(reference):
        return False
    trees = [parsed(normal_form(text)) for text in (stated[-1].text, reference)]
    return any(one is not None and not isinstance(one.tree, Fraction) for one in trees)


def cause(one: Found) -> str:
    """Return why a row and its score may differ, by the look of its answer."""
    if one.row.rate == "1.0" or one.checked.stated is None:
        return f"scored 1.0, {STATUSES[one.checked.status]}: {one.checked.why or 'another value'}"
    text, wanted = one.checked.stated.text, one.row.reference or ""
    if text == wanted:
        return "scored 0.0, the text of the reference"
    if "=" in text or " is " in text:
        return "scored 0.0, a derivation or a sentence that ends in the right value"
    if "\\" in text or "^" in text:
        return "scored 0.0, the right value in LaTeX, or with ^"
    if "e+" in text:
        return "scored 0.0, the right value as a power of ten"
    same = normal_form(text) == normal_form(wanted)
    return f"scored 0.0, the right value {'with other white space' if same else 'in another form'}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hub", type=Path)
    parser.add_argument("--hits", type=int, default=0)
    given = parser.parse_args()
    rows = list(read_rows(given.hub))
    found, took = check_all(rows)
    print(f"{len(rows)} valid rows, {took['expressions']:.0f} of them by the value of expressions")
    print(f"rows/s per core: {took['plain']:.0f} by form or number, {took['trees']:.0f} by expressions")
    share = took["asked"] / len(rows)
    each = took["asked_seconds"] / max(took["asked"], 1)
    print(f"math-verify: {took['asked']:.0f} rows ({share:.2%}), {each * 1000:.0f} ms each")
    print(f"too long for it: {took['too_long']:.0f} rows")
    for source in sorted({row.source for row in rows}):
        mine = [one for one in found if one.row.source == source]
        counted = Counter(STATUSES[one.checked.status] for one in mine)
        print(source, len(mine), dict(counted.most_common()))
    scored = [one for one in found if one.row.source.startswith("rgym") and one.row.rate in SCORES]
    other = [one for one in scored if (one.checked.status == AGREE) != (one.row.rate == "1.0")]
    print(f"scored rows: {len(scored)}, agreement {1 - len(other) / len(scored):.2%}")
    for why, many in Counter(map(cause, other)).most_common():
        print(f"  {many:4} {why}")
    wrong = [one for one in found if STATUSES[one.checked.status] == "disagree"]
    random.Random(7).shuffle(wrong)
    for one in wrong[: given.hits]:
        said = one.checked.stated.text if one.checked.stated else ""
        print("-", one.row.source, one.row.rate, "|", said[:120].replace("\n", " "), "|", one.row.reference)


if __name__ == "__main__":
    main()
