"""Exports read by the tools that they are for: are ids and labels ours, and do five steps train?"""

import datetime
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import ROOT, THINKMIX, run
from benchmarks.peer_envs import python_of, remove
from benchmarks.snippets import conversation
from benchmarks.weights import READERS, TARGET, WeightsRead, check_weights, weights_table
from thinkmix.curation.export.handoff import Handoff
from thinkmix.curation.export.known import EXPORTERS
from thinkmix.flows.store.paths import reading
from thinkmix.flows.training.export import export, exporter, open_verified
from thinkmix.flows.training.export_identity import (
    compare_by_rule,
    compare_by_tool,
    run_tool,
    write_base_model,
)
from thinkmix.schemas.errors import TrainError

RESULTS = ROOT / "benchmarks" / "interop.json"
PAGE = ROOT / "docs" / "interop.md"
BEGIN = "<!-- written by `python -m benchmarks interop` -->\n"

STEPS = 5
SEED = 20
_SHARED = ROOT.parent / "shared"
_SAMPLES = ROOT / "data" / "samples"
_TRAPS = (
    "{{content}} {{idx}} {{QUERY}} {{SYSTEM}} {{RESPONSE}} {{ROUND0}}", "<image> <video> <audio>",
    "  both ends  ", "line\u2028separator\r\nand\ttabs", "ünïcödé 数学 🧮", "</s> <s> [INST] <bos>",
    "{instruction} {input} %s $x \\n",
)  # fmt: skip
"""What trainers replace in texts, or trim off them: each stands in questions, answers and traces."""


@dataclass(frozen=True)
class Target:
    """An exporter, and where its tool runs."""

    name: str
    peer: str
    """Its environment."""
    no_steps: str = ""
    """Why the tool trains no steps here; empty if it does."""


TARGETS = (
    Target("llamafactory", "llamafactory"),
    Target("ms-swift", "ms-swift"),
    Target("trl", "trl"),
    Target("pretokenised", "trl"),
    Target("hf-trainer", "trl"),
    Target("axolotl", "axolotl"),
    Target(
        "unsloth", "unsloth",
        no_steps="it cannot be imported without a GPU: its function that prepares the rows was run alone",
    ),
    Target(
        "torchtune", "torchtune",
        no_steps="no release has a module for Qwen3: the dataset and its collator were run alone",
    ),
    Target("adapterhub", "adapters"),
    Target("fastchat", "fastchat"),
)  # fmt: skip

_NO_RELEASE = "it has no release in a registry"
NOT_RUN: Mapping[str, str] = {
    "deepspeed": "rows and script are those of `hf-trainer`; it shards on GPUs",
    "fsdp2": "rows and script are those of `hf-trainer`; it shards on GPUs",
    "colossalai": "its data code, `coati`, has no release; colossalai 0.5.0 needs torch 2.5 or older",
    "alpaca": _NO_RELEASE,
    "alpaca-lora": _NO_RELEASE,
    "nemotron": "Megatron-Bridge needs GPUs and a container of its own",
    "evalscope": "it trains nothing: see evaluate.md for what ran with evalscope 1.14.1",
    "calibration": "it trains nothing: texts go to a quantiser",
}
"""Why the tool of an export is not run here; its rows are read by its rule alone."""


@dataclass
class Outcome:
    """What one tool made of the mixture."""

    target: str
    date: str
    releases: dict[str, str]
    """Of the tool and of the libraries that decide it."""
    rows: int
    tools: int
    """Rows with tools."""
    thinking: int
    several: int
    """Rows with earlier answers."""
    by_rule: int
    """Rows that the rule of the exporter reads as ours."""
    by_tool: int
    """Rows that the tool reads as ours."""
    stop_trained: int
    line_break: bool
    steps: int
    seconds: float
    """Of reading and training, without the installation."""
    differences: list[str] = field(default_factory=list)
    """The first rows that differ, with the token."""
    failed: str = ""
    """The end of what the tool said, if it failed."""

    @property
    def good(self) -> bool:
        """Return whether all rows are ours by rule and by tool, and train their end token."""
        return not self.failed and self.rows == self.by_rule == self.by_tool == self.stop_trained

    @property
    def told(self) -> list[str]:
        """Return what the terminal says beneath the line."""
        return self.differences

    def line(self) -> str:
        """Return it as a line of the terminal."""
        tool = ", ".join(f"{name} {number}" for name, number in self.releases.items())
        told = (
            f"{self.by_tool} of {self.rows} rows have our ids and labels, {self.stop_trained} train their end"
        )
        return f"{self.target}: {self.failed or told}; {self.steps} steps; {self.seconds:.0f} s ({tool})"


def check(names: Sequence[str], *, latest: bool, keep: bool) -> Iterator[Outcome | WeightsRead]:
    """Export one mixture to each target, have its tool read it, and train a few steps; then read weights.

    Args:
        names: the targets, `weights` among them; all of them if empty.
        latest: install the newest releases in place of those of `peer_envs`.
        keep: leave the environments where they are; otherwise each goes when no other target needs it.
    """
    targets = [target for target in TARGETS if target.name in names or not names]
    if targets:
        yield from _check_exports(targets, latest=latest, keep=keep)
    if TARGET in names or not names:
        for read in check_weights(latest=latest, keep=keep):
            if not latest:
                record(read)
            yield read


def _check_exports(targets: Sequence[Target], *, latest: bool, keep: bool) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory(prefix="thinkmix-interop-") as name:
        work = Path(name)
        version, model = _mixture(work), write_base_model(work / "model")
        for place, target in enumerate(targets):
            outcome = _run(target, version, model, work, latest=latest)
            if not latest:
                record(outcome)
            yield outcome
            if not keep and target.peer not in {later.peer for later in targets[place + 1 :]}:
                remove(target.peer, latest=latest)


def record(outcome: Outcome | WeightsRead) -> None:
    """Put an outcome in the place of that of its target, or of its reader."""
    exports = {one.target: one for one in recorded()}
    readers = {one.reader: one for one in recorded_weights()}
    if isinstance(outcome, Outcome):
        exports[outcome.target] = outcome
    else:
        readers[outcome.reader] = outcome
    stated = [asdict(found[name]) for found in (exports, readers) for name in sorted(found)]
    RESULTS.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def recorded() -> list[Outcome]:
    """Return the outcome of each target that was run."""
    return [Outcome(**one) for one in _recorded() if "target" in one]


def recorded_weights() -> list[WeightsRead]:
    """Return what each reader of weights made of them, in the order in which they run."""
    found = {one["reader"]: WeightsRead(**one) for one in _recorded() if "reader" in one}
    return [found[reader.name] for reader in READERS if reader.name in found]


def _recorded() -> list[dict[str, Any]]:
    if not RESULTS.exists():
        return []
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def _run(target: Target, version: Path, model: Path, work: Path, *, latest: bool) -> Outcome:
    to, output, rows = exporter(target.name, {}), work / target.name, work / f"{target.name}.jsonl"
    told = export(version, to=to, output=output)
    counts = told.splits["train"]
    steps = 0 if target.no_steps else STEPS
    outcome = Outcome(
        target=target.name,
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        releases={},
        rows=counts.examples,
        tools=counts.with_tools,
        thinking=counts.thinking,
        several=0,
        by_rule=0,
        by_tool=0,
        stop_trained=0,
        line_break=to.line_break,
        steps=steps,
        seconds=0,
    )
    with reading(version) as folder:
        found = open_verified(folder)
        outcome.several = sum(
            any(turn["role"] == "assistant" for turn in example.messages[:-1])
            for example in found.examples("train")
        )
        outcome.by_rule = compare_by_rule(found, output, "train", to=to).identical
        python = python_of(target.peer, latest=latest)
        start = time.perf_counter()
        try:
            outcome.releases = run_tool(
                told, output, to=to, model=model, rows=rows, steps=steps, python=python
            )
        except TrainError as error:
            outcome.failed = str(error)
            return outcome
        outcome.seconds = round(time.perf_counter() - start, 1)
        read = compare_by_tool(found, rows, to=to, by=target.peer)
    outcome.by_tool, outcome.stop_trained = read.identical, read.stop_trained
    outcome.differences = [f"row {one.row}, token {one.token}: {one.problem}" for one in read.differences]
    return outcome


def _mixture(work: Path) -> Path:
    """Build the rows: half with tools, with traces and without, of one turn and of several."""
    sources, shares = _real(work) if _SHARED.is_dir() else _embedded()
    shares |= {"history": 40, "traps": 14}
    (work / "history.jsonl").write_text(
        "".join(json.dumps({"messages": conversation(number)}) + "\n" for number in range(40)),
        encoding="utf-8",
    )
    (work / "traps.jsonl").write_text("".join(map(_trap, range(2 * len(_TRAPS)))), encoding="utf-8")
    for name in ("history", "traps"):
        sources[name] = {"files": [f"{name}.jsonl"], "format": "messages"}
    recipe = {
        "name": "interop",
        "template": "qwen3",
        "max_tokens": 2048,
        "seed": SEED,
        "sources": [{"name": name, "kind": "local", **stated} for name, stated in sources.items()],
        "mix": {"shares": shares, "size": sum(shares.values()), "eval_share": 0.02},
    }
    (work / "interop.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run([*THINKMIX, "build", work / "interop.yaml", "--direct", "--json", "--store", work / "store"])
    (version,) = (work / "store" / "interop" / "versions").iterdir()
    return version


def _real(work: Path) -> tuple[dict[str, dict[str, object]], dict[str, int]]:
    formats, hub = _SHARED / "formats", _SHARED / "hub"
    math = sorted((hub / "nvidia" / "OpenMathReasoning").rglob("*.parquet"))[0]
    chat = sorted((hub / "mlabonne" / "FineTome-100k").rglob("*.parquet"))[0]
    called = json.loads((formats / "glaive_toolcall_en_demo.json").read_text(encoding="utf-8"))
    with_tools = [row for row in called if json.loads(row["tools"] or "[]")]
    (work / "calls.json").write_text(json.dumps(with_tools), encoding="utf-8")
    return {
        "calls": {"files": ["calls.json"], "format": "sharegpt"},
        "reasoned": {"files": [str(formats / "reason_tool_use_demo_50.jsonl")], "format": "messages"},
        "math": {"files": [str(math)], "format": "openmathreasoning"},
        "chat": {"files": [str(chat)], "format": "sharegpt"},
    }, {"calls": 380, "reasoned": 40, "math": 200, "chat": 164}


def _embedded() -> tuple[dict[str, dict[str, object]], dict[str, int]]:
    return {
        "calls": {"files": [str(_SAMPLES / "tools.jsonl")], "format": "sharegpt"},
        "math": {"files": [str(_SAMPLES / "cot-*.parquet")], "format": "openmathreasoning"},
        "chat": {"files": [str(_SAMPLES / "chat-*.parquet")], "format": "sharegpt"},
    }, {"calls": 200, "math": 360, "chat": 240}


def _trap(number: int) -> str:
    text = _TRAPS[number % len(_TRAPS)]
    answer = {"role": "assistant", "content": f"{number}: {text}"}
    if number >= len(_TRAPS):
        answer["reasoning_content"] = f"so {text} and no more"
    asked = {"role": "user", "content": f"{text} number {number}?"}
    return json.dumps({"messages": [asked, answer]}) + "\n"


def write_page() -> None:
    """Write the recorded outcomes into the page, behind what people wrote there."""
    text, _, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(text + BEGIN + "\n" + tables(), encoding="utf-8")


def tables() -> str:
    """Return all that is recorded as markdown: exports, then weights."""
    return f"{table(recorded())}\n## Weights\n\n{weights_table(recorded_weights())}"


def table(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as markdown, and why other exports are not run."""
    found = {one.target: one for one in outcomes}
    shown = [found[target.name] for target in TARGETS if target.name in found]
    lines = ["| `--to` | tool | date | rows | identical by rule | by the tool | end token trained | steps |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    lines += map(_row, shown)
    lines += [
        "",
        "| rows | with tools | with a trace in the answer that is learned | with answers before it |",
    ]
    lines.append("|---|---|---|---|")
    kinds = {(one.rows, one.tools, one.thinking, one.several) for one in shown}
    lines += [f"| {' | '.join(map(str, counts))} |" for counts in sorted(kinds)]
    told = [f"* `{one.name}` trains no steps here: {one.no_steps}." for one in TARGETS if one.no_steps]
    for one in shown:
        told += [f"* `{one.target}`: {line}" for line in [one.failed[-400:], *one.differences] if line]
    lines += ["", *told, "", "Not run here:", "", "| `--to` | why |", "|---|---|"]
    others = [kind.name for kind in EXPORTERS if kind.name not in found and issubclass(kind, Handoff)]
    waiting = "it was not run yet: `make interop` does"
    return "\n".join([*lines, *(f"| `{name}` | {NOT_RUN.get(name, waiting)} |" for name in others)]) + "\n"


def _row(one: Outcome) -> str:
    tool = ", ".join(f"{name} {number}" for name, number in list(one.releases.items())[:2])
    line_break = "" if one.line_break else ", without the last line break"
    by_tool = "failed, see below" if one.failed else f"{one.by_tool}{line_break}"
    return (
        f"| `{one.target}` | {tool} | {one.date} | {one.rows} | {one.by_rule}{line_break} | {by_tool} | "
        f"{one.stop_trained} | {one.steps or 'none, see below'} |"
    )
