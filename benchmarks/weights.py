"""Adapters and models of ours, read by libraries and servers that load them: are they the same weights?"""

import datetime
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from benchmarks.measure import THINKMIX, run
from benchmarks.peer_envs import python_of, remove, script
from benchmarks.snippets import conversation

if TYPE_CHECKING:
    from thinkmix.schemas.training import TrainPlan

TARGET = "weights"
"""Name of this check among the targets of `make interop`."""

TOLERANCE = 1e-4
"""How far a logit, a weight or a scaling may be from ours, in float32."""

POSITIONS, LENGTH, ROWS = 8, 96, 3
_SETTINGS: Mapping[str, object] = {
    "max_steps": 3, "learning_rate": 1e-2, "rank": 8, "batch": 1024, "max_tokens": 1024, "eval_rows": 0,
    "progress": False,
}  # fmt: skip
_ADAPTERS: Mapping[str, Mapping[str, object]] = {
    "lora": {},
    "rslora": {"rslora": True},
    "dora": {"dora": True},
    "pissa": {"init": "pissa"},
    "qlora4": {"method": "qlora4"},
}


@dataclass(frozen=True)
class Reader:
    """What reads the weights, and in which environment."""

    name: str
    peer: str
    script: str
    compares: str
    """What is compared with ours."""
    refuses: tuple[str, ...] = ()
    """What it says itself that it does not read."""


READERS = (
    Reader("transformers 4.57 and peft", "transformers-4", "weights_logits", "logits"),
    Reader("transformers 5 and peft", "trl", "weights_logits", "logits"),
    Reader("vLLM", "vllm", "weights_vllm", "scaling · B A of each layer", ("dora",)),
    Reader("SGLang", "sglang", "weights_sglang", "scaling, names of layers", ("dora",)),
    Reader("GGUF", "transformers-4", "weights_gguf", "every weight, end token, rotary base"),
)


@dataclass
class WeightsRead:
    """What one reader made of the weights."""

    reader: str
    date: str
    releases: dict[str, str] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)
    """The largest, by the name of the adapter or model."""
    notes: list[str] = field(default_factory=list)
    """What it refused, or read otherwise."""
    failed: str = ""
    seconds: float = 0

    @property
    def good(self) -> bool:
        """Return whether all that it reads is ours, and what it does not is known."""
        (known,) = (reader.refuses for reader in READERS if reader.name == self.reader)
        others = [note for note in self.notes if note.partition(":")[0] not in known]
        near = [name for name, worst in self.differences.items() if worst <= TOLERANCE or name in known]
        return not (self.failed or others) and near == [*self.differences] != []

    def line(self) -> str:
        """Return it as a line of the terminal."""
        worst = ", ".join(f"{name} {value:.1e}" for name, value in self.differences.items())
        tool = ", ".join(f"{name} {number}" for name, number in self.releases.items())
        return f"{self.reader}: {self.failed or worst}; {self.seconds:.0f} s ({tool})"

    @property
    def told(self) -> list[str]:
        """Return what the terminal says beneath the line."""
        return self.notes


def check_weights(*, latest: bool, keep: bool) -> Iterator[WeightsRead]:
    """Train a few adapters and models, and have each reader read them."""
    with tempfile.TemporaryDirectory(prefix="thinkmix-weights-") as name:
        work = Path(name)
        _make(work)
        for place, reader in enumerate(READERS):
            start = time.perf_counter()
            outcome = WeightsRead(reader.name, datetime.datetime.now(tz=datetime.UTC).date().isoformat())
            try:
                python = python_of(reader.peer, latest=latest)
                told = subprocess.run(
                    [python, script(reader.script), work], capture_output=True, text=True, check=True
                )
                vars(outcome).update(json.loads(told.stdout.splitlines()[-1]))
            except subprocess.CalledProcessError as error:
                outcome.failed = str(error.stderr).strip().splitlines()[-1]
            outcome.seconds = round(time.perf_counter() - start, 1)
            yield outcome
            if not keep and reader.peer not in {later.peer for later in READERS[place + 1 :]}:
                remove(reader.peer, latest=latest)


def _make(work: Path) -> None:
    """Write the adapters, the models, what they are compared by, and our logits."""
    import numpy as np  # noqa: PLC0415 - slow, and only needed here
    import torch  # noqa: PLC0415

    import thinkmix  # noqa: PLC0415
    from thinkmix.flows.training.run import merge_adapter  # noqa: PLC0415
    from thinkmix.schemas.training import TrainPlan  # noqa: PLC0415
    from thinkmix.templates.chat.tokenizer import encode  # noqa: PLC0415
    from thinkmix.train.model.artefact import complete_model_folder  # noqa: PLC0415
    from thinkmix.train.model.earlier_adapter import continued_plan, read_adapter  # noqa: PLC0415
    from thinkmix.train.model.loading import load_model  # noqa: PLC0415
    from thinkmix.train.model.model import prepare, quiet  # noqa: PLC0415

    version, base = _version(work), work / "base"
    with quiet():
        load_model("tiny-random", dtype=torch.float32).save_pretrained(base)
        complete_model_folder(base, base="tiny-random")
    plans: dict[str, TrainPlan] = {}
    for name, settings in _ADAPTERS.items():
        told = thinkmix.train(version, model=base, output=work / name, **(dict(_SETTINGS) | dict(settings)))
        plans[name] = told.plan
    second = {key: value for key, value in _SETTINGS.items() if key != "rank"}
    stage = thinkmix.train(version, model=base, adapter=work / "lora", output=work / "second-stage", **second)
    plans["second-stage"] = stage.plan
    thinkmix.train(version, model=base, output=work / "freeze", method="freeze", **second)
    models = ["freeze"]
    for name in ("lora", "rslora", "dora", "qlora4"):
        models.append(f"merged-{name}")
        merge_adapter(work / name, model=str(base), output=work / models[-1])
    text = " ".join(turn["content"] for number in range(40) for turn in conversation(number))
    ids = np.array(encode(text)[: ROWS * LENGTH], dtype=np.int64).reshape(ROWS, LENGTH)
    np.save(work / "ids.npy", ids)
    (work / "ours").mkdir()
    for name in [base.name, *plans, *models]:
        with quiet(), torch.no_grad():
            if name in plans:  # a quantised one as it is read on 16 bit weights
                plan = continued_plan(read_adapter(work / name), TrainPlan(method="lora"), base=str(base))
                model = prepare(str(base), plan, adapter=work / name)
            else:
                model = load_model(str(work / name), dtype=torch.float32)
            logits = model.eval()(input_ids=torch.from_numpy(ids)).logits[:, -POSITIONS:]
        np.save(work / "ours" / f"{name}.npy", logits.numpy())
    untrained = np.load(work / "ours" / f"{base.name}.npy")
    for name in [*plans, *models]:  # or equal logits would say nothing of what was learnt
        if np.abs(np.load(work / "ours" / f"{name}.npy") - untrained).max() < 1000 * TOLERANCE:
            msg = f"{name} has the logits of its base: it learnt nothing"
            raise RuntimeError(msg)
    stated = {
        "base": base.name,
        "adapters": {name: _scaling(plan) for name, plan in plans.items()},
        "models": models,
        "positions": POSITIONS,
        "text": text,
        "text_ids": encode(text),
        "ends": [[151_645], [151_645, 151_643], 151_645],
    }
    (work / "weights.json").write_text(json.dumps(stated))


def _scaling(plan: "TrainPlan") -> float:
    """Return by what B A is scaled, as the plan says."""
    return float(plan.alpha / plan.rank**0.5 if plan.rslora else plan.alpha / plan.rank)


def _version(work: Path) -> Path:
    rows = "".join(json.dumps({"messages": conversation(number)}) + "\n" for number in range(40))
    (work / "rows.jsonl").write_text(rows, encoding="utf-8")
    recipe = {
        "name": TARGET,
        "max_tokens": 1024,
        "sources": [{"name": "chat", "kind": "local", "files": ["rows.jsonl"], "format": "messages"}],
        "mix": {"shares": {"chat": 1.0}},
    }
    (work / "weights.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run([*THINKMIX, "build", work / "weights.yaml", "--direct", "--json", "--store", work / "store"])
    (version,) = (work / "store" / TARGET / "versions").iterdir()
    return version


def weights_table(found: Sequence[WeightsRead]) -> str:
    """Return what was read as markdown."""
    names = list(dict.fromkeys(name for one in found for name in one.differences))
    compares = {reader.name: reader.compares for reader in READERS}
    lines = [f"| read by | versions | date | compared | {' | '.join(f'`{name}`' for name in names)} |"]
    lines.append("|---" * (4 + len(names)) + "|")
    for one in found:
        tool = ", ".join(f"{name} {number}" for name, number in one.releases.items())
        cells = [f"{one.differences[name]:.0e}" if name in one.differences else "" for name in names]
        lines.append(f"| {one.reader} | {tool} | {one.date} | {compares[one.reader]} | {' | '.join(cells)} |")
    told = [f"* {one.reader}: {note}" for one in found for note in [one.failed, *one.notes] if note]
    return "\n".join([*lines, "", *told]).rstrip() + "\n"
