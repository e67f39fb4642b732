"""The one outcome of every raw row, from quarantine to mixture."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.publish.outcomes import Assigned, assign_outcomes, count_flags, late_drops
from thinkmix.curation.publish.rejects import write_rejects
from thinkmix.curation.read.read import RawRow
from thinkmix.curation.sample.pools import PartFiles
from thinkmix.curation.tables import (
    COUNTED,
    FLAGS,
    KEYS,
    LOST,
    OUTCOMES,
    REJECTS,
    SAMPLED,
    SELECTION,
    VERDICT_SCHEMA,
)
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.ledger import Amount, StageCount


def rejected(row: int) -> dict[str, Any]:
    facts = {"stage": "validate", "reason": "bad_json", "detail": "d", "content": "{"}
    return {"id": f"r{row}", "source": "s", "file": "f", "row": row, "messages": 1, "text_bytes": 10, **facts}


def valid(row: int, id_: str, reason: str | None = None, turns: tuple[int, ...] = (1,)) -> dict[str, Any]:
    """Make a key row and its verdict in one."""
    return {
        "id": id_ * 32,
        "file": "f",
        "row": row,
        "messages": 2,
        "text_bytes": 20,
        "turns": list(turns),
        "cluster": id_ * 32,
        "cluster_size": 1,
        "problem": id_ * 32,
        "reason": reason,
        "winner": "w" if reason else None,
        "similarity": 0.5 if reason else None,
    }


def counted(row: int, place: int, turn: int = 1) -> dict[str, Any]:
    sizes = {"prompt_tokens": 3, "completion_tokens": 4, "text_bytes": 50}
    return {"row": row, "turn": turn, "place": place, "thinking": False, **sizes}


def lost(row: int, turn: int = 1) -> dict[str, Any]:
    return {"row": row, "turn": turn, "reason": "too_long", "detail": f"turn {turn}", "tokens": 900}


def selected(*places: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"part": 0, "place": place, "shard": 0, "split": split, "copy": 0} for place, split in places]


def write(path: Path, rows: list[dict[str, Any]], schema: pl.Schema) -> Path:
    known = [{name: row.get(name) for name in schema.names()} for row in rows]
    write_shard(path, pl.DataFrame(known, schema=schema, orient="row"))
    return path


def assigned(
    folder: Path,
    *,
    rejects: list[dict[str, Any]] | None = None,
    rows: list[dict[str, Any]],
    parts: list[tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]],
) -> Assigned:
    """Settle valid rows; each part rendered some of them (index, lost) and sampled some of those."""
    found = [
        PartFiles(
            Blob(write(folder / f"index-{number}", index, COUNTED), ""),
            Blob(write(folder / f"lost-{number}", gone, LOST), ""),
        )
        for number, (index, gone, _) in enumerate(parts)
    ]
    return assign_outcomes(
        "s",
        rejects=write(folder / "rejects", rejects or [], REJECTS),
        keys=write(folder / "keys", rows, KEYS),
        verdicts=write(folder / "verdicts", rows, VERDICT_SCHEMA),
        parts=found,
        selection=write(
            folder / "selection",
            [{**one, "nth": number} for number, (_, _, sampled) in enumerate(parts) for one in sampled],
            pl.Schema({**SELECTION, "nth": pl.Int32()}),
        ),
    )


def test_every_row_has_one_outcome_in_file_order(tmp_path: Path) -> None:
    """Refused, a duplicate, sampled in part, left over, too long, or never reached."""
    got = assigned(
        tmp_path,
        rejects=[rejected(3), rejected(0)],
        rows=[
            valid(1, "a", turns=(1, 3)),
            valid(2, "b"),
            valid(4, "c", "near_dup"),
            valid(5, "d", turns=(1, 3)),
            valid(6, "e", turns=(1, 3)),
            valid(7, "f"),
        ],
        parts=[
            ([counted(1, 0), counted(2, 1)], [lost(5, 3), lost(6, 1)], selected((0, "eval"))),
            ([], [lost(5, 1)], []),
        ],
    )
    assert got.outcomes.schema == OUTCOMES
    assert got.outcomes.select("row", "stage", "reason", "detail", "examples", "sampled").rows() == [
        (0, "validate", "bad_json", "d", 0, 0),
        (1, None, None, None, 2, 1),
        (2, "mix", "not_sampled", None, 1, 0),
        (3, "validate", "bad_json", "d", 0, 0),
        (4, "dedup", "near_dup", None, 0, 0),
        (5, "render", "too_long", "turn 1", 0, 0),
        (6, "mix", "not_sampled", None, 1, 0),
        (7, "mix", "not_sampled", None, 1, 0),
    ]
    assert set(got.outcomes["source"]) == {"s"}
    assert got.sampled.schema == SAMPLED
    assert got.sampled.select("row", "split", "cluster").rows() == [(1, "eval", 0xAAAAAAAAAAAAAAAA)]
    assert got.rendered.check() == StageCount(
        stage="render",
        source="s",
        read=Amount(rows=5, messages=10, text_bytes=100, examples=8, tokens=2714),
        kept=Amount(rows=4, messages=8, text_bytes=80, examples=5, tokens=14),
        dropped={"too_long": Amount(rows=1, messages=2, text_bytes=20, examples=3, tokens=2700)},
    )
    assert got.mixed.check() == StageCount(
        stage="mix",
        source="s",
        read=got.rendered.kept,
        kept=Amount(rows=1, messages=2, text_bytes=20, examples=1, tokens=7),
        dropped={"not_sampled": Amount(rows=3, messages=6, text_bytes=60, examples=4, tokens=7)},
    )


def test_only_learned_turns_are_examples(tmp_path: Path) -> None:
    """A row has as many examples as validation found turns to learn."""
    got = assigned(tmp_path, rows=[valid(0, "a", turns=(3,))], parts=[])
    assert got.outcomes["examples"].to_list() == [1]
    assert got.rendered.read.examples == got.mixed.dropped["not_sampled"].examples == 1


def test_an_exact_duplicate_does_not_share_the_draw_of_its_twin(tmp_path: Path) -> None:
    """Two rows of one id: only the one that stays is in the mixture."""
    got = assigned(
        tmp_path,
        rows=[valid(0, "a", "exact_dup"), valid(1, "a")],
        parts=[([counted(1, 0)], [], selected((0, "train")))],
    )
    assert got.outcomes.select("reason", "sampled").rows() == [("exact_dup", 0), (None, 1)]
    assert (got.mixed.read.rows, got.mixed.kept.rows) == (1, 1)


def test_an_example_drawn_several_times_is_drawn_once(tmp_path: Path) -> None:
    """Repeats of a row do not multiply it in the ledger, but the audit sees each copy."""
    sampled = selected((0, "train"), (0, "train"), (0, "train"))
    got = assigned(tmp_path, rows=[valid(0, "a")], parts=[([counted(0, 0)], [], sampled)])
    assert got.outcomes["sampled"].to_list() == [1]
    assert got.mixed.check().kept.examples == 1
    assert got.sampled.height == 3


def test_solutions_of_one_problem_are_named_by_its_best_row(tmp_path: Path) -> None:
    """A cluster may hold several problems; of each row the audit sees both."""
    problems = {"a": "a", "b": "b", "c": "a", "d": "d"}
    rows = [
        valid(n, id_) | {"cluster": "a" * 32, "problem": problem * 32}
        for n, (id_, problem) in enumerate(problems.items())
    ]
    sampled = selected(*((place, "train") for place in range(4)))
    got = assigned(tmp_path, rows=rows, parts=[([counted(n, n) for n in range(4)], [], sampled)]).sampled
    assert got["row"].to_list() == [0, 1, 2, 3]
    for column, want in (("problem", "abad"), ("cluster", "aaaa"), ("id", "abcd")):
        assert got[column].to_list() == [int(id_ * 16, 16) for id_ in want]


def test_nothing_at_all_is_settled_too(tmp_path: Path) -> None:
    """An empty slice has no outcomes and counts nothing."""
    got = assigned(tmp_path, rows=[], parts=[])
    assert (got.outcomes.height, got.outcomes.schema, got.mixed.read) == (0, OUTCOMES, Amount())


def flag(*names: str) -> dict[str, Any]:
    """Make the columns of a row that has these flags."""
    evidence = {"text": "t", "message": 1, "part": "content", "start": 0, "end": 1}
    return {
        "flags": list(names),
        "checks": [{"rule": name, "value": 0.5, "evidence": evidence} for name in names],
    }


def test_flags_of_an_outcome_are_those_of_all_stages(tmp_path: Path) -> None:
    """In their order; rows that a stage dropped have none, and sampled examples carry those of their row."""
    rows = [valid(1, "a", turns=(1, 3)), valid(2, "b"), valid(3, "c")]
    assigned(tmp_path, rejects=[rejected(0)], rows=rows, parts=[])
    keys = [{**row, **flag(*names)} for row, names in zip(rows, [["x"], [], ["x"]], strict=True)]
    later = [{**row, **flag(*names)} for row, names in zip(rows, [["y"], ["y"], ["x"]], strict=True)]
    index = write(tmp_path / "index", [counted(1, 0), counted(1, 1, 3), counted(2, 2)], COUNTED)
    got = assign_outcomes(
        "s",
        rejects=tmp_path / "rejects",
        keys=write(tmp_path / "keys", keys, pl.Schema({**KEYS, **FLAGS})),
        verdicts=write(tmp_path / "verdicts", later, pl.Schema({**VERDICT_SCHEMA, **FLAGS})),
        parts=[PartFiles(Blob(index, ""), Blob(write(tmp_path / "lost", [], LOST), ""))],
        selection=write(
            tmp_path / "selection",
            [{**one, "nth": 0} for one in selected((1, "train"), (2, "eval"))],
            pl.Schema({**SELECTION, "nth": pl.Int32()}),
        ),
        flagged=True,
    )
    assert got.outcomes.schema == pl.Schema({**OUTCOMES, **FLAGS})
    assert got.outcomes["flags"].to_list() == [[], ["x", "y"], ["y"], ["x"]]
    assert [[check["rule"] for check in row] for row in got.outcomes["checks"].to_list()] == [
        [],
        ["x", "y"],
        ["y"],
        ["x", "x"],
    ]
    assert got.flags.select("nth", "place", "flags").rows() == [(0, 1, ["x", "y"]), (0, 2, ["y"])]
    assert count_flags(got.outcomes) == {"x": {"rows": 2, "mixed": 1}, "y": {"rows": 2, "mixed": 2}}


def test_verdicts_of_other_rows_are_refused(tmp_path: Path) -> None:
    """A missing or shifted verdict would silently keep a duplicate."""
    rows = [valid(0, "a"), valid(1, "b")]
    assigned(tmp_path, rows=rows, parts=[])
    for wrong in (rows[:1], rows[::-1]):
        with pytest.raises(LedgerError, match="not about these rows"):
            assign_outcomes(
                "s",
                rejects=tmp_path / "rejects",
                keys=tmp_path / "keys",
                verdicts=write(tmp_path / "verdicts", wrong, VERDICT_SCHEMA),
                parts=[],
                selection=tmp_path / "selection",
            )


def test_dropped_rows_are_kept_whole_and_good_ones_only_listed(tmp_path: Path) -> None:
    """Duplicates and too long rows join the quarantine; a row beyond the cap, or not sampled, does not."""
    rows = [
        valid(1, "a", "near_dup"),
        valid(2, "b", "solution_cap"),
        valid(3, "c"),
        valid(4, "d", "exact_dup"),
        valid(5, "e"),
    ]
    got = assigned(tmp_path, rejects=[rejected(0)], rows=rows, parts=[([], [lost(5)], [])])
    later = late_drops(got.outcomes)["row"].to_list()
    assert later == [1, 4, 5]
    raw = (RawRow(number, {"n": number}, None, "") for number in later)
    write_rejects(late_drops(got.outcomes), raw, quarantine=tmp_path / "rejects", out=tmp_path / "all")
    kept = pl.read_parquet(tmp_path / "all")
    assert kept.schema == REJECTS
    assert kept.select("row", "stage", "reason", "content").rows() == [
        (0, "validate", "bad_json", "{"),
        (1, "dedup", "near_dup", '{"n":1}'),
        (4, "dedup", "exact_dup", '{"n":4}'),
        (5, "render", "too_long", '{"n":5}'),
    ]
    with pytest.raises(LedgerError, match="3 dropped rows were to be kept whole, but 1 were read"):
        write_rejects(
            late_drops(got.outcomes),
            [RawRow(1, {}, None, "")],
            quarantine=tmp_path / "rejects",
            out=tmp_path / "few",
        )
