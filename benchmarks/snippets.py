"""What docs/training.md says of other trainers, run against them: do they train on the tokens that we do?"""

import ast
import json
import shlex
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.measure import ROOT, THINKMIX, last_line, run
from benchmarks.peer_envs import python_of, script
from thinkmix.flows.training.export_identity import write_base_model
from thinkmix.templates.chat.tokenizer import reference_tokenizer

PAGE = ROOT / "docs" / "training.md"
SECTION = "With other trainers"
VERSION, MODEL = "STORE/math-7-3/versions/DIGEST", "Qwen/Qwen3-4B"
"""What the page names in place of a version and a model of the reader's."""

_RECIPE = ROOT / "data" / "recipes" / "sample-7-3.yaml"
_SHARES = {"math": 0.4, "chat": 0.3, "tools": 0.05, "history": 0.25}
_NEWLINE, _END = 198, 151_645


class Snippet(NamedTuple):
    """A fenced block of a page."""

    section: str
    """Heading of the second level that it stands below."""
    heading: str
    """Last heading before it."""
    language: str
    text: str


class Row(NamedTuple):
    """A row as a trainer reads it."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    """The ids that carry loss, -100 for the others."""


@dataclass(frozen=True)
class Tool:
    """Another trainer, and what the page says of it."""

    name: str
    peer: str
    """Its environment."""
    script: str
    """Runs the files below for one step, and writes the rows that it trained on."""
    files: Mapping[str, tuple[str, str]]
    """Files that the script finds in its folder, and the heading and language of the block that each is."""
    every_row: bool = False
    """Whether it is given rows with tools, too."""
    newline: bool = True
    """Whether the line break after the last turn is part of a row."""


_FILE = ("One file for LLaMA-Factory and ms-swift", "python")
TOOLS = (
    Tool("TRL", "trl", "snippet_trl", {"snippet.py": ("TRL", "python")}, every_row=True, newline=False),
    Tool(
        "LLaMA-Factory", "llamafactory", "snippet_llamafactory",
        {
            "snippet.py": _FILE, "dataset_info.json": ("LLaMA-Factory", "json"),
            "train.yaml": ("LLaMA-Factory", "yaml"), "command.json": ("LLaMA-Factory", "console"),
        },
    ),
    Tool(
        "ms-swift", "ms-swift", "snippet_swift",
        {"snippet.py": _FILE, "command.json": ("ms-swift", "console")},
    ),
)  # fmt: skip


class Found(NamedTuple):
    """What a tool made of the mixture."""

    tool: Tool
    versions: Mapping[str, str]
    rows: int
    missing: Sequence[str]
    """Rows of ours that it does not train on with the same ids and labels."""
    other: Sequence[str]
    """Rows that it trains on, and we do not."""

    def line(self) -> str:
        """Return it as a line of the terminal."""
        stated = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        wrong = max(len(self.missing), len(self.other))
        told = f"{wrong} are not trained as ours" if wrong else "all are trained as ours"
        return f"{self.tool.name}: {self.rows} rows, {told} ({stated})"


def snippets_of(text: str) -> list[Snippet]:
    """Return the fenced blocks of a page, in order."""
    found: list[Snippet] = []
    section, heading, language, lines = "", "", None, list[str]()
    for line in text.splitlines():
        if language is None and line.startswith("```"):
            language, lines = line[3:].strip(), []
        elif language is not None and line == "```":
            found.append(Snippet(section, heading, language, "\n".join(lines) + "\n"))
            language = None
        elif language is not None:
            lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
            section = heading if line.startswith("## ") else section
    return found


def commands_of(console: str) -> list[list[str]]:
    """Return the words of each command of a console block."""
    lines = console.replace("\\\n", " ").splitlines()
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ ")]


def functions_of(python: str) -> dict[str, str]:
    """Return the source of each function that a Python block defines, by its name."""
    found = (node for node in ast.parse(python).body if isinstance(node, ast.FunctionDef))
    return {node.name: ast.unparse(node) for node in found}


def check() -> Iterator[Found]:
    """Run every snippet about another tool on one mixture, and compare what each trains on with ours."""
    with tempfile.TemporaryDirectory(prefix="thinkmix-snippets-") as name:
        work = Path(name)
        version, model = _mixture(work), write_base_model(work / "model")
        page = PAGE.read_text(encoding="utf-8").replace(VERSION, str(version)).replace(MODEL, str(model))
        blocks = {(one.heading, one.language): one.text for one in snippets_of(page)}
        rows = _ours(version)
        for tool in TOOLS:
            ours = [row for row, with_tools in rows if tool.every_row or not with_tools]
            yield _compared(tool, _written(tool, blocks, work / tool.peer), ours)


def _written(tool: Tool, blocks: Mapping[tuple[str, str], str], folder: Path) -> Path:
    folder.mkdir()
    for name, place in tool.files.items():
        text = blocks[place]
        if name.startswith("command"):
            (command,) = commands_of(text)
            text = json.dumps(command)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _compared(tool: Tool, folder: Path, ours: Sequence[Row]) -> Found:
    """Run a tool's script in its folder, and compare the rows that it trained on with ours."""
    caches = {"HF_HOME": str(folder / "cache"), "MODELSCOPE_CACHE": str(folder / "cache")}
    command = [python_of(tool.peer), script(tool.script), folder]
    output = run(command, HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", **caches).output
    written = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    if not tool.newline:
        ours = [Row(row.ids[:-1], row.labels[:-1]) for row in ours]
    mine = Counter(ours)  # some tools shuffle before they tokenise
    other = Counter(Row(tuple(row["ids"]), tuple(row["labels"])) for row in written)
    missing, extra = ([_shown(row) for row in rows.elements()] for rows in (mine - other, other - mine))
    return Found(tool, json.loads(last_line(output)), len(ours), missing, extra)


def _shown(row: Row) -> str:
    """Return the end of what carries no loss, and all that does."""
    trained = [label for label in row.labels if label != -100]
    whole, end = (reference_tokenizer().decode(ids, skip_special_tokens=False) for ids in (row.ids, trained))
    return f"{whole.removesuffix(end)[-200:]!r} | {end!r}"


def _mixture(work: Path) -> Path:
    """Build the embedded sample with conversations whose earlier turns have traces, too."""
    recipe = yaml.safe_load(_RECIPE.read_text(encoding="utf-8"))
    for source in recipe["sources"]:
        source["files"] = [str((_RECIPE.parent / name).resolve()) for name in source["files"]]
    history = {"name": "history", "kind": "local", "files": ["history.jsonl"], "format": "messages"}
    recipe |= {"name": "snippets", "sources": [*recipe["sources"], history], "mix": {"shares": _SHARES}}
    rows = "".join(json.dumps({"messages": conversation(number)}) + "\n" for number in range(40))
    (work / "history.jsonl").write_text(rows, encoding="utf-8")
    (work / "snippets.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run([*THINKMIX, "build", work / "snippets.yaml", "--direct", "--json", "--store", work / "store"])
    (version,) = (work / "store" / "snippets" / "versions").iterdir()
    return version


def conversation(number: int) -> list[dict[str, str]]:
    """Return three questions with answers, each with a trace or not; every other one has a system turn."""
    turns = [{"role": "system", "content": f"You are guide {number}."}] if number % 2 else []
    for place in range(3):
        answer = {"role": "assistant", "content": f"House {number * 3 + place}, beyond the bridge."}
        if number >> place & 1:
            answer["reasoning_content"] = f"Street {number}, and then {place} more."
        turns += [{"role": "user", "content": f"Where does number {number} live in year {place}?"}, answer]
    return turns


def _ours(version: Path) -> list[tuple[Row, bool]]:
    """Return the training rows as `thinkmix train` reads them, and whether each has tools."""
    import polars as pl  # noqa: PLC0415 - slow, and only needed here

    from thinkmix.train.data.cache import open_tokens  # noqa: PLC0415
    from thinkmix.train.data.rows import index_rows, read_manifest  # noqa: PLC0415

    manifest = read_manifest(version, digest=version.name)
    rows = index_rows(version, manifest, split="train", max_tokens=16_384)
    with tempfile.TemporaryDirectory() as cache:
        tokens = open_tokens(rows, split="train", mixture=version.name, folder=Path(cache))
        examples = [tokens.example(number) for number in range(rows.frame.height)]
        read = [Row(tuple(one.input_ids.tolist()), tuple(one.labels.tolist())) for one in examples]
    for row in read:
        assert row.labels[-2:] == (_END, _NEWLINE), row
        assert row.labels.count(_END) == 1, row
    published = pl.read_parquet(sorted(version.glob("train-*.parquet")), columns=["tools"])
    return list(zip(read, published["tools"].is_not_null(), strict=True))
