"""EvalScope, a tool of the user's: found, run on held-out rows and for speed, its reports read."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinkmix.flows.pages.training.evaluation import Score, Speed
from thinkmix.flows.training.evaluation.endpoint import KEY, Endpoint
from thinkmix.flows.training.evaluation.serving import end
from thinkmix.schemas.errors import NotFound, TrainError

INSTALLED = "1.14.1"
"""The release that reports are read of."""
INSTALL = (
    "python -m venv evalscope && evalscope/bin/pip install 'evalscope[perf]==1.14.1' 'transformers[serving]'"
)
MODES = ("thinking", "plain")


@dataclass(frozen=True)
class EvalScope:
    """The command of an EvalScope that is installed."""

    command: Path

    @property
    def python(self) -> Path:
        """Return the interpreter that it runs in."""
        return self.command.with_name("python")

    def evaluate(
        self, endpoint: Endpoint, rows: Path, work: Path, *, max_tokens: Mapping[str, int], seed: int
    ) -> Iterator[Score]:
        """Ask an endpoint all questions of an export; yield the score of each subset.

        Args:
            endpoint: what is asked.
            rows: folder with `qa` and `mcq`.
            work: folder for what EvalScope writes.
            max_tokens: the most that an answer may have, by mode.
            seed: of the sampling.

        Raises:
            TrainError: if EvalScope fails.
        """
        for mode in MODES:
            sets = {
                "general_qa": sorted(path.stem for path in (rows / "qa").glob(f"*_{mode}.jsonl")),
                "general_mcq": sorted(
                    path.stem.removesuffix("_val") for path in (rows / "mcq").glob(f"*_{mode}_val.jsonl")
                ),
            }
            asked = {name: subsets for name, subsets in sets.items() if subsets}
            if not asked:
                continue
            stated = {
                name: {"local_path": str(rows / name.removeprefix("general_")), "subset_list": subsets}
                for name, subsets in asked.items()
            }
            generation = {
                "temperature": 0.0,
                "max_tokens": max_tokens[mode],
                "seed": seed,
                "extra_body": {"chat_template_kwargs": {"enable_thinking": mode == "thinking"}},
            }
            words = [
                "eval",
                "--model",
                endpoint.model,
                "--eval-type",
                "openai_api",
                "--api-url",
                endpoint.url,
            ]
            words += ["--datasets", *asked, "--dataset-args", json.dumps(stated), "--seed", str(seed)]
            words += ["--generation-config", json.dumps(generation), "--work-dir", str(work / mode)]
            self._run(words, work / f"{mode}.log")
            yield from _scores(work / mode)

    def perf(
        self,
        endpoint: Endpoint,
        questions: Sequence[str],
        work: Path,
        *,
        parallel: int,
        max_tokens: int,
        seed: int,
    ) -> Speed:
        """Ask an endpoint questions for speed alone.

        Raises:
            TrainError: if EvalScope fails, or lacks its extra `perf`.
        """
        asked = work / "questions.jsonl"
        asked.write_text("".join(json.dumps({"question": one}) + "\n" for one in questions), encoding="utf-8")
        words = ["perf", "--model", endpoint.model, "--url", f"{endpoint.url}/chat/completions"]
        words += ["--api", "openai", "--dataset", "openqa", "--dataset-path", str(asked), "--seed", str(seed)]
        words += [
            "--number",
            str(len(questions)),
            "--parallel",
            str(parallel),
            "--max-tokens",
            str(max_tokens),
        ]
        words += ["--outputs-dir", str(work / "perf"), "--no-timestamp"]
        self._run(words, work / "perf.log")
        return _speed(work / "perf")

    def release(self) -> str:
        """Return its release."""
        ask = "from importlib.metadata import version; print(version('evalscope'))"
        found = subprocess.run([self.python, "-c", ask], capture_output=True, text=True, check=False)
        return found.stdout.strip() or "unknown"

    def _run(self, words: Sequence[str], log: Path) -> None:
        environment = {**os.environ, "EVALSCOPE_API_KEY": os.environ.get(KEY, "EMPTY")}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            child = subprocess.Popen(
                [self.command, *words],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=log.parent,
                env=environment,
                start_new_session=True,
            )
            try:
                code = child.wait()
            finally:
                end(child)
        if code:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            msg = f"`evalscope {words[0]}` ends with {code}: {said[-1] if said else 'it says nothing'}"
            raise TrainError(msg)


def find_evalscope(named: Path | None) -> EvalScope:
    """Return the EvalScope of an environment, an interpreter or a command; unnamed, the one on PATH.

    Raises:
        NotFound: if it is not installed, with the command that installs it.
    """
    if named is None:
        if found := shutil.which("evalscope"):
            return EvalScope(Path(found))
        way = f"`{INSTALL}`, then --evalscope evalscope; --no-benchmarks does without"
        msg = f"EvalScope is not on PATH: {way}"
        raise NotFound(msg)
    path = named.expanduser().absolute()
    places = [path / "bin" / "evalscope"] if path.is_dir() else [path.with_name("evalscope")]
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return EvalScope(place)
    msg = f"--evalscope {named}: no EvalScope is installed there ({places[0]} is missing): `{INSTALL}`"
    raise NotFound(msg)


def _scores(work: Path) -> Iterator[Score]:
    found = sorted(work.glob("**/reports/**/*.json"))
    if not found:
        msg = f"`evalscope eval` has left no report in {work}"
        raise TrainError(msg)
    for path in found:
        report = _read(path)
        summary = report.get("execution_summary") or {}
        if errors := summary.get("errored"):
            msg = f"EvalScope got no answer to {errors} of {summary.get('requested')} rows of {path.stem}"
            raise TrainError(msg)
        try:
            yield from _subsets(path.stem, report)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"a report of EvalScope is not like those of {INSTALLED} ({error!r}): install that release"
            raise TrainError(msg) from error


def _subsets(benchmark: str, report: Any) -> Iterator[Score]:  # noqa: ANN401 - a report of EvalScope's
    for metric in report["metrics"]:
        identity = metric["identity"]
        parts = [
            identity["name"],
            *(f"{key}={value}" for key, value in (identity.get("dimensions") or {}).items()),
        ]
        for category in metric["categories"]:
            for subset in category["subsets"]:
                yield Score(
                    benchmark=benchmark,
                    subset=str(subset["name"]),
                    metric=" ".join(map(str, parts)),
                    score=float(subset["score"]),
                    rows=int(subset["num"]),
                )


def _read(path: Path) -> Any:  # noqa: ANN401 - a report of EvalScope's
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        msg = f"{path}, a report of EvalScope's, cannot be read: {error}"
        raise TrainError(msg) from error


def _speed(work: Path) -> Speed:
    found = sorted(work.glob("**/benchmark_summary.json"))
    if not found:
        msg = f"`evalscope perf` has left no benchmark_summary.json in {work}"
        raise TrainError(msg)
    summary = _read(found[0])
    return Speed(figures={str(name): float(value) for name, value in summary.items() if _is_number(value)})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
