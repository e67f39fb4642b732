"""The rows that figures are measured on: real ones where there are any, else generated ones."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import yaml
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from benchmarks.generate import Corpus, rows_of
from benchmarks.measure import ROOT, THINKMIX, run
from benchmarks.measurements import Options
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import read_rows, slices
from thinkmix.curation.validate.rowwise import Origin, judge
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.schemas.arrange import arrange_messages
from thinkmix.schemas.conversation import Conversation, Lineage
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.messages import Messages
from thinkmix.schemas.formats.openmathreasoning import OpenMathReasoning
from thinkmix.schemas.formats.sharegpt import ShareGPT

MATH = "hub/nvidia/OpenMathReasoning/data/*.parquet"
CHAT = "hub/mlabonne/FineTome-100k/data/*.parquet"
RECIPES = ROOT / "data" / "recipes"
TRACES = "formats/malformed_think.jsonl"


def described(options: Options) -> str:
    """Return what kind of rows the figures are measured on."""
    return "real rows" if is_real(options) else "generated rows"


def is_real(options: Options) -> bool:
    """Return whether there are real rows, and the scale has use for them."""
    return options.scale != "tiny" and (options.real / "hub").is_dir()


def overwrite(path: Path, rows: pl.DataFrame) -> None:
    """Write other rows into a parquet file, in the schema that it has."""
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pq.read_schema(path))
    pq.write_table(table, path, compression="zstd")


@cache
def raw_rows(options: Options) -> dict[str, pl.DataFrame]:
    """Return the rows of OpenMathReasoning and of FineTome, in their own columns."""
    if is_real(options):
        return {"math": pl.read_parquet(options.real / MATH), "chat": pl.read_parquet(options.real / CHAT)}
    rows = options.size(tiny=60, short=12_000, full=25_000)
    corpus = Corpus(rows=rows, bytes_per_row=3_000, languages=("en", "en", "en", "zh"))
    return {
        source: pl.DataFrame(pl.from_arrow(rows_of(corpus, source, 0, rows // 2)))
        for source in ("math", "chat")
    }


@cache
def texts(options: Options) -> pl.Series:
    """Return whole rows as texts, question and answers together, in an order that mixes the sources."""
    rows = raw_rows(options)
    found = [rows["math"].select(text=pl.col("problem") + "\n" + pl.col("generated_solution"))]
    turns = pl.col("conversations").list.eval(pl.element().struct.field("value")).list.join("\n")
    found.append(rows["chat"].select(text=turns))
    if is_real(options):
        traces = pl.read_ndjson(options.real / TRACES)
        found.append(traces.select(text=pl.col("problem") + "\n" + pl.col("generated_solution")))
    series = pl.concat(found)["text"]
    return series.sample(fraction=1.0, shuffle=True, seed=1).rechunk()


def megabytes(found: pl.Series) -> float:
    """Return the size of texts in millions of UTF-8 bytes."""
    return float(found.str.len_bytes().sum()) / 1e6


def distinct_strings(options: Options) -> list[str]:
    """Return every distinct string that the rows and the other files beside them hold, in order."""
    found: dict[str, None] = {}
    for frame in raw_rows(options).values():
        for row in frame.iter_rows(named=True):
            found.update(dict.fromkeys(_strings(row)))
    if is_real(options):
        for path in sorted(options.real.glob("[bfg]*/*.json*")):
            for value in _json_values(path):
                found.update(dict.fromkeys(_strings(value)))
    return list(found)


def conversations(options: Options) -> list[Conversation]:
    """Return the rows that are conversations."""
    made, notes = [], Notes()
    for format, frame in zip((OpenMathReasoning(), ShareGPT()), raw_rows(options).values(), strict=True):
        for number, row in enumerate(frame.iter_rows(named=True)):
            lineage = Lineage(file="f", row=number)
            try:
                draft = format.read(row, notes)
                messages = arrange_messages(draft, "keep", notes)
                fields = {
                    "messages": messages,
                    "tools": draft.tools,
                    "lineage": lineage,
                    "answer": draft.answer,
                }
                made.append(
                    Conversation.model_validate({"id": "", "source": "s", "lineage": lineage, **fields})
                )
            except (ValidationError, PydanticCustomError, RecursionError):
                continue
    return made


def tool_conversations(options: Options) -> list[Conversation]:
    """Return the rows of the shared files that call tools, as far as they are conversations."""
    made = []
    for name, format in (
        ("glaive_toolcall_en_demo.json", ShareGPT()),
        ("reason_tool_use_demo_50.jsonl", Messages()),
    ):
        path = options.real / "formats" / name
        (piece,) = slices(name, Blob(path, ""), None, None)
        origin = Origin(LocalSource(name="s", format=format, files=("*",)), name)
        for row in read_rows(piece, max_row_bytes=_ROW_BYTES):
            found = judge(row, origin=origin, max_row_bytes=_ROW_BYTES).conversation
            if found is not None:
                made.append(found)
    return made


_ROW_BYTES = 10_000_000


def mixture(options: Options, work: Path) -> Path:
    """Build math-7-3 from the real rows, or the embedded sample, and return the version's folder."""
    recipe = RECIPES / "sample-7-3.yaml"
    if is_real(options):
        stated = yaml.safe_load((RECIPES / "math-7-3.yaml").read_text(encoding="utf-8"))
        for source in stated["sources"]:
            dataset = source.pop("dataset")
            del source["revision"]
            source |= {"kind": "local", "files": [f"hub/{dataset}/{name}" for name in source["files"]]}
        (work / "hub").symlink_to(options.real / "hub")
        recipe = work / "math-7-3.yaml"
        recipe.write_text(yaml.safe_dump(stated), encoding="utf-8")
    run([*THINKMIX, "build", recipe, "--direct", "--json", "--store", work / "store", "--workers", 2])
    return next((work / "store" / recipe.stem / "versions").iterdir())


@contextmanager
def folder(options: Options, name: str) -> Iterator[Path]:
    """Yield an empty folder, which is removed afterwards."""
    path = options.work / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _json_values(path: Path) -> Iterator[Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        yield from (json.loads(line) for line in text.split("\n") if line.strip())
    else:
        yield json.loads(text)
