"""How good rules are: what each finds in real rows and of planted damage, and how fast it is.

    python -m benchmarks.rule_hits                     all rules, a table, and build/rules.json
    python -m benchmarks.rule_hits --show loop         hits to read, with 200 characters around their evidence

A record of the file has `rule`; `judged` and `hits`, real rows; `planted` and `found`, damaged rows, made of
rows in which the rule finds nothing; and `seconds` and `bytes`, CPU time and text of the real rows.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.measurements import Options
from benchmarks.planted import PLANTS, TOOL_PLANTS, plant
from benchmarks.rows import conversations, tool_conversations
from thinkmix.curation.rules.contract import Rule, Verdict
from thinkmix.curation.rules.known import RULES
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.schemas.conversation import Conversation

_BATCH = 512
_AROUND = 200


class Record(NamedTuple):
    """What was measured of one rule."""

    rule: str
    judged: int
    hits: int
    planted: int
    found: int
    seconds: float
    bytes: int

    def line(self) -> str:
        """Return the record as a line of the table."""
        recall = f"{self.found / self.planted:.3f}" if self.planted else "none"
        speed = f"{self.bytes / 1e6 / self.seconds:,.0f}"
        return f"{self.rule:<18} {self.judged:>7} {self.hits:>6} {self.planted:>8} {recall:>7} {speed:>6}"


def measure(kind: type[Rule], rows: Sequence[Conversation], planted: int, seed: int) -> Record:
    """Return what a rule finds with its default settings."""
    rule, tables = kind(), list(_tables(rows))
    for table in tables[:1] + tables[-1:]:
        rule.judge(table)  # compiles its kernels
    start = time.process_time()
    found = [rule.judge(table) for table in tables]
    seconds = time.process_time() - start
    hit = {_BATCH * number + one.row for number, verdicts in enumerate(found) for one in verdicts}
    clean = [row for place, row in enumerate(rows) if place not in hit]
    damaged = plant(kind.name, clean, planted, seed) if kind.name in {**PLANTS, **TOOL_PLANTS} else []
    again = sum(len(rule.judge(table)) for table in _tables(damaged))
    size = sum(len(table.content.data) + len(table.reasoning.data) for table in tables)
    return Record(kind.name, len(rows), len(hit), len(damaged), again, round(seconds, 3), size)


def show(kind: type[Rule], rows: Sequence[Conversation], most: int, seed: int) -> Iterator[str]:
    """Yield hits of a rule, drawn by a seed, of those that say the same one."""
    hits: dict[str, tuple[Conversation, Verdict]] = {}
    for number, table in enumerate(_tables(rows)):
        for one in kind().judge(table):
            row = rows[_BATCH * number + one.row]
            hits.setdefault(row.messages[-1].content + (row.messages[-1].reasoning or ""), (row, one))
    listed = list(hits.values())
    yield f"{len(listed)} hits in texts that differ"
    for row, one in Random(seed).sample(listed, min(most, len(listed))):
        yield f"\n{kind.name} {one.value:.4g}: {one.evidence.text}"
        if one.evidence.message is not None:
            message = row.messages[one.evidence.message]
            text = message.content if one.evidence.part == "content" else message.reasoning or ""
            start, end = one.evidence.start or 0, one.evidence.end or 0
            yield f"  before: {text[max(start - _AROUND, 0) : start]!r}"
            yield f"  after: {text[end : end + _AROUND]!r}"


def _tables(rows: Sequence[Conversation]) -> Iterator[TurnTable]:
    for first in range(0, len(rows), _BATCH):
        yield TurnTable.of(rows[first : first + _BATCH])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rule_hits", description=__doc__)
    parser.add_argument("--real", type=Path, default=Options.real, help="folder of real rows")
    parser.add_argument("--planted", type=int, default=500, help="damaged rows for each rule")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("build/rules.json"))
    parser.add_argument("--show", metavar="RULE", help="print hits of a rule")
    parser.add_argument("--hits", type=int, default=50, help="how many of them")
    given = parser.parse_args()
    options = Options("full", 1, Options.work, given.real.resolve())
    plain, calling = conversations(options), tool_conversations(options)
    if given.show:
        (kind,) = (kind for kind in RULES if kind.name == given.show)
        rows = calling if kind.name in TOOL_PLANTS else plain
        print(*show(kind, rows, given.hits, given.seed), sep="\n")
        return
    print(f"{'rule':<18} {'judged':>7} {'hits':>6} {'planted':>8} {'recall':>7} {'MB/s':>6}")
    records = []
    for kind in RULES:
        rows = calling if kind.name in TOOL_PLANTS else plain
        records.append(measure(kind, rows, given.planted, given.seed))
        print(records[-1].line(), flush=True)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps([record._asdict() for record in records], indent=1) + "\n")


if __name__ == "__main__":
    main()
