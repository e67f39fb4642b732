"""Files of the sample: two datasets as parquet in their hub schemas, tools as JSON lines, planted counts."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tools.generate.dirt import Entry, Sample, build_sample, counts
from tools.generate.sampler import Sampler

CHAT_SCHEMA = pa.schema(
    {
        "conversations": pa.list_(pa.struct({"from": pa.string(), "value": pa.string()})),
        "source": pa.string(),
        "score": pa.float64(),
    }
)
"""mlabonne/FineTome-100k."""
MATH_SCHEMA = pa.schema(
    {
        "expected_answer": pa.string(),
        "problem_type": pa.string(),
        "problem_source": pa.string(),
        "generation_model": pa.string(),
        "pass_rate_72b_tir": pa.string(),
        "problem": pa.string(),
        "generated_solution": pa.string(),
        "inference_mode": pa.string(),
        "used_in_kaggle": pa.bool_(),
    }
)
"""nvidia/OpenMathReasoning, split cot."""
SHARDS = {
    "chat": ("chat-00000-of-00001.parquet",),
    "math": tuple(f"cot-{shard:05d}-of-00004.parquet" for shard in range(4)),
    "tools": ("tools.jsonl",),
}


def write_sample(folder: Path) -> None:
    """Write all files of the sample into `folder`; the same every time."""
    folder.mkdir(parents=True, exist_ok=True)
    sample = build_sample()
    places: dict[str, list[tuple[str, int]]] = {name: [] for name in sample.groups}
    for source, names in SHARDS.items():
        entries = Sampler("order", source).shuffled(sample.entries[source])
        for shard, name in enumerate(names):
            part = entries[len(entries) * shard // len(names) : len(entries) * (shard + 1) // len(names)]
            _write(folder / name, source, part)
            for row, entry in enumerate(part):
                if entry.group:
                    places[entry.group].append((name, row))
    (folder / "planted.json").write_text(json.dumps(counts(sample.groups), indent=2) + "\n", encoding="utf-8")
    (folder / "planted_rows.jsonl").write_text(_planted_rows(sample, places), encoding="utf-8")


def _write(path: Path, source: str, entries: list[Entry]) -> None:
    if source == "tools":
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row, _ in entries]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return
    schema = CHAT_SCHEMA if source == "chat" else MATH_SCHEMA
    table = pa.Table.from_pylist([entry.row for entry in entries], schema=schema)
    pq.write_table(table, path, compression="zstd", compression_level=19)


def _planted_rows(sample: Sample, places: dict[str, list[tuple[str, int]]]) -> str:
    """Return one line per group: of its rows, `count` leave for `reason`, and any others stay."""
    lines = [
        json.dumps({"source": source, "reason": reason, "count": count, "rows": places[name]})
        for name, (source, reason, count) in sample.groups.items()
    ]
    return "".join(f"{line}\n" for line in lines)
