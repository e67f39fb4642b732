"""A run's report with every optional part filled, from the facts of a real version; no row of anyone's."""

import math
from collections.abc import Callable, Mapping

from thinkmix.schemas.changes import Changes, Delta, Move, SourceChange, StabilityIndex
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import (
    Cluster,
    ClusterRow,
    ClusterView,
    Columns,
    Report,
    Sample,
    Spread,
    ThinkView,
)
from thinkmix.schemas.run import Approval, PastRun, RunReport

EDGES = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)

Text = Callable[[str], str]

GROUPS = {
    "solutions_per_problem": {"1": 812, "2": 240, "3-5": 96, "6+": 12},
    "pass_rate": {
        "0.0-0.2": 40,
        "0.2-0.4": 88,
        "0.4-0.6": 160,
        "0.6-0.8": 301,
        "0.8-1.0": 540,
        "unknown": 31,
    },
    "language": {"en": 1030, "zh": 110, "other": 20},
    "turns": {"2": 900, "3-4": 180, "5-8": 70, "9+": 10},
}


def same(string: str) -> str:
    """Leave a text as it is."""
    return string


def full_report(report: Report, *, text: Text = same) -> Report:
    """Return the facts of a version with all views filled.

    Args:
        report: of a real version; its shares, ledger, lengths and sources stay.
        text: what becomes of every free text that is put in.
    """
    names = [source.name for source in report.sources]
    clusters = ClusterView(
        by_size={"2": 180, "3": 44, "4": 9, "7": 3, "130": 1},
        largest=tuple(_cluster(number, names, text) for number in range(3)),
    )
    bad = [
        ("bidi_control", "Read \u202ethis backwards\u202c and solve.", (5, 6)),
        ("control_token", "The answer is 4.<|im_end|>\n<|im_start|>user", (16, 26)),
        ("near_dup", "鸡兔同笼，共有三十五个头，九十四只脚，问鸡兔各几只？", None),
        ("think_unclosed", "<think>\nLet x be the number of sheep, so 3x + 4 =", (0, 7)),
    ]
    samples = [
        Sample(
            id=f"{number:02}{name}",
            source=name,
            file=text(f"data/{name}-00000.parquet"),
            row=number * 37,
            stage="validate",
            reason=reason,
            detail=text("found in turn 2"),
            content=text(content),
            highlight=highlight,
        )
        for name in names
        for number, (reason, content, highlight) in enumerate(bad)
    ]
    samples += [
        Sample(
            id=f"kept{name}{number}",
            source=name,
            file=text(f"data/{name}-00000.parquet"),
            row=number,
            stage="mix",
            reason="",
            detail=None,
            content=text(f"user: How many is {number} + {number}?\n\nassistant: {2 * number}."),
        )
        for name in names
        for number in range(2)
    ]
    return report.model_copy(
        update={
            "thinking": tuple(_think(name, place) for place, name in enumerate(names)),
            "spreads": tuple(
                Spread(
                    source=name,
                    measure=measure,
                    rows={text(group): rows // (place + 1) for group, rows in groups.items()},
                )
                for measure, groups in GROUPS.items()
                for place, name in enumerate(
                    names[: 1 if measure in ("pass_rate", "solutions_per_problem") else None]
                )
            ),
            "columns": tuple(_columns(name, text) for name in names),
            "clusters": clusters,
            "samples": tuple(samples),
        }
    )


def full_run(report: Report, *, blocked: bool = True, text: Text = same) -> RunReport:
    """Return a run with gates of every level, changes, thirty runs and, if not blocked, an approval."""
    facts = full_report(report, text=text)
    names = [source.name for source in report.sources]
    gates = [
        GateResult(
            gate="rows",
            subject=name,
            level="pass",
            measured=0.004,
            limit=0.1,
            sentence=text(f"{name} has 0.4 % more rows than before; 10 % are allowed"),
        )
        for name in names
    ]
    gates += [
        GateResult(
            gate="share_drift",
            subject="",
            level="pass",
            measured=0.001,
            limit=0.02,
            sentence=text("no share moved by more than 0.1 points; 2 are allowed"),
        ),
        GateResult(
            gate="quarantine_rate",
            subject=text(f"{names[0]}: think_unclosed"),
            level="warn",
            measured=0.031,
            limit=0.02,
            sentence=text("3.1 % of the traces are cut off, 0.4 % were; a look from 2 % on"),
        ),
        GateResult(
            gate="schema_drift",
            subject=names[-1],
            level="fail" if blocked else "warn",
            measured=None,
            limit=None,
            sentence=text("column `score` is gone; `source` has a new value: 中文数学"),
        ),
    ]
    trend = tuple(_daily_runs(report))
    return RunReport(
        run="20261124T020000.000000Z-aaaaaaaaaaaa",
        started="2026-11-24T02:00:00+00:00",
        seconds=1327.4,
        status="blocked" if blocked else "published",
        candidate="a7" * 32,
        baseline="0b" * 32,
        gates=tuple(gates),
        changes=_changes(report, text),
        trend=trend,
        approval=None
        if blocked
        else Approval(
            version="a7" * 32,
            by=text("Li Wei"),
            why=text("The column was dropped on purpose. 已确认。"),
            at="2026-11-24T08:12:00+00:00",
            gates=(text("schema_drift"),),
        ),
        report=facts,
    )


def flooded(run: RunReport, string: Callable[[], str]) -> RunReport:
    """Return the run with another text in every field that may hold any text, and in every key.

    Args:
        run: the run; what has a closed list of values, and sizes of clusters, which are numbers, stay.
        string: gives the next text.
    """
    return _flooded(run, string)


def _flooded(value: object, string: Callable[[], str]) -> object:
    if isinstance(value, Record):
        free = {
            name: _flooded(getattr(value, name), string)
            for name, field in type(value).model_fields.items()
            if "Literal" not in str(field.annotation) and name not in ("by_size", "recipe")
        }
        if isinstance(value, Report):
            free["recipe"] = {**value.recipe, "title": string()}
        return value.model_copy(update=free)
    if isinstance(value, str):
        return string()
    if isinstance(value, Mapping):
        return {_flooded(key, string): _flooded(item, string) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_flooded(item, string) for item in value)
    return value


def _cluster(number: int, names: list[str], text: Text) -> Cluster:
    said = (
        "How many apples are left if 12 of 30 are eaten?",
        "小明有十二个苹果，吃了五个，还剩几个？",
        "Sum the first hundred odd numbers.",
    )
    rows = tuple(
        ClusterRow(
            id=f"{number}{row}" * 16,
            source=names[row % len(names)],
            outcome=("kept", "near_dup", "exact_dup")[row % 3],
            text=text(f"{said[number]} ({row})"),
        )
        for row in range(4)
    )
    return Cluster(id=f"c{number}" * 16, size=130 - 40 * number, rows=rows)


def _think(name: str, place: int) -> ThinkView:
    histogram = (3, 20, 120, 310, 260, 90, 14, 2, 0) if not place else (0,) * 9
    return ThinkView(
        source=name,
        thinking=sum(histogram),
        direct=18 if not place else 751,
        median=1740,
        p90=5120,
        longest=17203,
        edges=EDGES,
        histogram=histogram,
    )


def _columns(name: str, text: Text) -> Columns:
    return Columns(
        source=name,
        types={
            "conversations": text("List(Struct({'from': String, 'value': String}))"),
            "score": "Float64",
            text("source"): "String",
        },
        values={text("source"): (text("forum"), text("textbook"), text("中文数学"))},
        missing={"conversations": 0, "score": 12, text("source"): 3},
    )


def _changes(report: Report, text: Text) -> Changes:
    names = [source.name for source in report.sources]
    read, mixed = report.ledger.of("validate"), report.ledger.of("mix")
    sources = tuple(
        SourceChange(
            source=name,
            read=Delta(before=read[name].read.rows - 23, after=read[name].read.rows),
            mixture_rows=Delta(before=mixed[name].kept.rows + 18, after=mixed[name].kept.rows),
            examples=Delta(before=_sum(report, name, "examples") + 18, after=_sum(report, name, "examples")),
            tokens=Delta(before=_sum(report, name, "tokens") - 5411, after=_sum(report, name, "tokens")),
            reasons={"near_dup": Delta(before=50, after=52)},
        )
        for name in names
    )
    moves = (
        Move(
            source=names[0],
            cause="upstream",
            before="absent",
            after="mixture",
            rows=212,
            examples=("3fa1" * 8, "77b2" * 8),
        ),
        Move(
            source=names[0], cause="rule", before="mixture", after="too_long", rows=61, examples=("a0c9" * 8,)
        ),
        Move(source=names[-1], cause="duplicate", before="mixture", after="near_dup", rows=33, examples=()),
        Move(source=names[-1], cause="sample", before="mixture", after="not_sampled", rows=9, examples=()),
    )
    return Changes(
        before="0b" * 32,
        after="a7" * 32,
        added=212,
        removed=103,
        changed=7,
        kept=3156,
        sources=sources,
        moves=moves,
        stability=(
            StabilityIndex(source=names[0], measure="tokens", psi=0.2431),
            StabilityIndex(source=names[-1], measure="language", psi=0.0123),
        ),
        settings=(text("max_tokens: 16384 → 12288"), text("math: main moved from 3f2a9c1d to 9be01277")),
    )


def _daily_runs(report: Report) -> list[PastRun]:
    daily_runs = []
    for day in range(30):
        status = (
            "failed"
            if day in (7, 19)
            else "blocked"
            if day == 22
            else "unchanged"
            if day % 7 in (5, 6)
            else "published"
        )
        wave = 1 + 0.02 * math.sin(day / 3) + day / 400
        daily_runs.append(
            PastRun(
                started=f"2026-{10 + (day + 25) // 32:02}-{(day + 25) % 31 + 1:02}T02:00:00+00:00",
                status=status,
                seconds=140.0 if status == "unchanged" else 1300 * wave,
                version=None if status == "failed" else f"{day:02}" * 32,
                read=0 if status == "failed" else round(8990 * wave),
                examples=0 if status == "failed" else round(3100 * wave),
                tokens=0 if status == "failed" else round(2_400_000 * wave),
                dropped=0 if status == "failed" else round(560 * wave),
                failed=int(status == "blocked"),
                error="source_unavailable" if status == "failed" else None,
            )
        )
    daily_runs[-2] = daily_runs[-2].model_copy(update={"version": "0b" * 32, "status": "published"})
    blocked = daily_runs[-1].model_copy(
        update={
            "status": "blocked",
            "failed": 1,
            "version": "a7" * 32,
            "started": "2026-11-24T02:00:00+00:00",
        }
    )
    return [*daily_runs[:-1], blocked]


def _sum(report: Report, source: str, unit: str) -> int:
    return sum(getattr(share, unit) for share in report.shares if share.source == source)
