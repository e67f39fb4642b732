"""`thinkmix evaluate`: the held-out rows of a version asked of one model, or of two."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from thinkmix.curation.export.evalscope import EvalScope as Exporter
from thinkmix.curation.export.version import Example
from thinkmix.flows.pages.training.evaluation import Evaluation, Score, Speed, write_evaluation
from thinkmix.flows.sources.http import plain_address
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.paths import reading
from thinkmix.flows.system.progress import Event, Notify
from thinkmix.flows.training.evaluation.endpoint import Endpoint, find_endpoint
from thinkmix.flows.training.evaluation.losses import measure_losses
from thinkmix.flows.training.evaluation.paired import (
    Outcome,
    as_asked,
    compare_answers,
    judge,
    reference_of,
    subset_of,
)
from thinkmix.flows.training.evaluation.scope import EvalScope
from thinkmix.flows.training.evaluation.serving import check_folder, serve
from thinkmix.flows.training.export import open_verified
from thinkmix.schemas.errors import NotFound
from thinkmix.train.data.rows import hash_order

ANSWERS = "answers.jsonl"


@dataclass(frozen=True)
class Rival:
    """A model that is asked: a folder of this machine, or an endpoint with its name there."""

    url: str | None = None
    path: Path | None = None
    name: str | None = None

    @property
    def shown(self) -> str:
        """Return what pages call it, without the place of a folder or the password of an address."""
        return (
            self.path.resolve().name
            if self.path
            else f"{self.name or 'model'} at {plain_address(self.url or '')}"
        )


def rival(word: str, name: str | None) -> Rival:
    """Return the model that `--against` names: an address, or else a folder."""
    if word.startswith(("http://", "https://")):
        return Rival(url=word, name=name)
    return Rival(path=Path(word).expanduser())


def evaluate(
    version: Path,
    model: Rival,
    *,
    against: Rival | None,
    evalscope: EvalScope | None,
    perf: bool,
    limit: int,
    seed: int,
    max_tokens: int,
    parallel: int,
    output: Path,
    notify: Notify,
) -> Evaluation:
    """Ask held-out rows, and write what came of it into `output`: a page, its facts, and the answers.

    Args:
        version: a version's folder, or a mixture's folder for its current version.
        model: what is judged.
        against: what it is compared with.
        evalscope: runs the benchmarks and measures speed; None leaves both out.
        perf: whether speed is measured.
        limit: most rows of a source and a mode.
        seed: decides which rows, and the intervals.
        max_tokens: the most that an answer may have, trace included.
        parallel: requests at a time while speed is measured.
        output: folder for the page.
        notify: is told how far it got.

    Raises:
        NotFound: if the version holds out no row that can be asked.
        StoreCorrupt: if the version is damaged.
        TrainError: if a model cannot be served or loaded, or EvalScope fails.
        SourceError: if an endpoint does not answer.
    """
    rivals = [model, *([against] if against else [])]
    for one in rivals:
        if one.path:
            check_folder(one.path)
    with full_disk(output):
        output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = stack.enter_context(reading(version))
        found = open_verified(folder)
        rows = select(found.examples("eval"), limit=limit, seed=seed)
        if not rows:
            msg = f"{folder.name} holds out no row without tools: build with eval_share above 0"
            raise NotFound(msg)
        work = Path(stack.enter_context(TemporaryDirectory(prefix="thinkmix-evaluate-")))
        notes = []
        loss = None
        if against and model.path and against.path:
            ids = frozenset(row.id for row in rows)
            loss = measure_losses(
                folder, ids, model.path, against.path, scratch=work, seed=seed, notify=notify
            )
        elif against:
            notes.append(
                "Losses were not compared: an endpoint gives no loss, so both models must be folders."
            )
        asked = _write_rows(rows, work / "rows") if evalscope else work
        scores: list[list[Score]] = []
        answers: list[list[str]] = []
        speed: Speed | None = None
        verifiable = [(row, reference) for row in rows if (reference := reference_of(row)) is not None]
        for place, one in enumerate(rivals):
            who = "against" if place else "model"
            with _open(one, evalscope, work / f"{who}.log", seed) as endpoint:
                if evalscope:
                    notify(
                        Event("evalscope", who, 0, None, note=f"EvalScope asks {one.shown} {len(rows)} rows")
                    )
                    limits = {"thinking": max_tokens, "plain": max_tokens}
                    scores.append(
                        list(evalscope.evaluate(endpoint, asked, work / who, max_tokens=limits, seed=seed))
                    )
                if against:
                    answers.append(
                        _ask(endpoint, [row for row, _ in verifiable], who, max_tokens, seed, notify)
                    )
                if evalscope and perf and not place:
                    notify(Event("perf", who, 0, None, note="EvalScope measures the speed"))
                    questions = [row.messages[-2]["content"] for row in rows if row.messages[-2]["content"]]
                    speed = evalscope.perf(
                        endpoint, questions, work / who, parallel=parallel, max_tokens=max_tokens, seed=seed
                    )
        outcomes = _judge(verifiable, answers, output) if against else []
        if against and not outcomes:
            notes.append(r"No answer was compared: no held-out row states one in \boxed{} or as a letter.")
        told = Evaluation(
            mixture=found.manifest.mixture,
            mixture_digest=folder.name,
            model=model.shown,
            against=against.shown if against else None,
            seed=seed,
            limit=limit,
            rows=len(rows),
            evalscope=evalscope.release() if evalscope else None,
            scores=tuple(scores[0]) if scores else (),
            against_scores=tuple(scores[1]) if len(scores) > 1 else (),
            verified=compare_answers(outcomes, seed=seed),
            loss=loss,
            speed=speed,
            notes=tuple(notes),
        )
    write_evaluation(output, told)
    return told


def select(examples: Iterator[Example], *, limit: int, seed: int) -> list[Example]:
    """Return at most `limit` rows of each source and mode, chosen by hash, without those that use tools."""
    exporter = Exporter()
    able = [example for example in examples if exporter.takes(example) and len(example.messages) > 1]
    counts: Counter[str] = Counter()
    chosen = []
    for place in hash_order([example.id for example in able], "evaluate", seed):
        name = subset_of(able[place])
        if counts[name] < limit:
            counts[name] += 1
            chosen.append(able[place])
    return chosen


@contextmanager
def _open(one: Rival, evalscope: EvalScope | None, log: Path, seed: int) -> Iterator[Endpoint]:
    if one.path is None:
        yield find_endpoint(one.url or "", one.name)
        return
    with serve(one.path, pythons=[evalscope.python] if evalscope else [], log=log, seed=seed) as endpoint:
        yield endpoint


def _write_rows(rows: Sequence[Example], folder: Path) -> Path:
    exporter = Exporter()
    file = folder / exporter.file("eval")
    file.parent.mkdir(parents=True)
    exporter.write(rows, file)
    exporter.check(rows, file)
    return folder


def _ask(
    endpoint: Endpoint, rows: Sequence[Example], who: str, max_tokens: int, seed: int, notify: Notify
) -> list[str]:
    said = []
    for row in rows:
        said.append(endpoint.answer(as_asked(row), thinking=row.thinking, max_tokens=max_tokens, seed=seed))
        notify(Event("answers", who, len(said), len(rows)))
    return said


def _judge(
    verifiable: Sequence[tuple[Example, str]], answers: Sequence[Sequence[str]], output: Path
) -> list[Outcome]:
    """Judge the answers of both models, and write each beside its reference for a person to read."""
    outcomes = []
    with full_disk(output), (output / ANSWERS).open("wb") as out:
        for (row, reference), mine, theirs in zip(verifiable, *answers, strict=True):
            one = Outcome(subset_of(row), judge(row, reference, mine), judge(row, reference, theirs))
            outcomes.append(one)
            line = {"id": row.id, "subset": one.subset, "reference": reference}
            line |= {"model": mine, "model_is": one.model, "against": theirs, "against_is": one.against}
            out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return outcomes
