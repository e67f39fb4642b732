"""From a version to a calibration set, and to the plan that follows from measuring a model on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from thinkmix.flows.store.paths import reading
from thinkmix.flows.store.versions import problems
from thinkmix.flows.training.model_access import check_access
from thinkmix.schemas.errors import StoreCorrupt, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.rows import index_rows, read_manifest
from thinkmix.train.output.atomic_output import atomic_output, refuse_used, workspace
from thinkmix.train.quantize.calibration import (
    MANIFEST,
    PLAN,
    Calibration,
    CalibrationSample,
    read_sampled,
    sample_calibration,
    write_sampled,
)
from thinkmix.train.quantize.quant_plan import Fragment, QuantError, Rule


def calibrate(
    version: Path,
    *,
    model: str | None,
    plan: TrainPlan,
    rows: int,
    rule: Rule,
    output: Path,
    console: Console,
) -> Calibration:
    """Sample from a version whose every byte was verified just now, and measure a model on what was sampled.

    The same version, model, plan and thread count write the same bytes on a CPU. `output` appears whole
    or not at all: the rows as text and as token ids, calibration.json, and with a model plan.yaml.

    Args:
        version: a version's folder, or a mixture's folder for its current version.
        model: `tiny-random`, a local folder, or a hub id; None measures nothing.
        plan: says the seed, the longest row, the precision, and how many tokens the model reads at once.
        rows: how many rows to sample.
        rule: what the proposal may cost.
        output: new folder.
        console: where progress is shown.

    Raises:
        StoreCorrupt: if the version is not what its manifest says.
        TrainError: if there are too few rows, or the model cannot be measured.
    """
    refuse_used(output)
    if model:
        check_access(model)
    with reading(version) as folder:
        if found := problems(folder):
            msg = f"{folder.name} is damaged, so nothing is sampled from it: {found[0]}"
            raise StoreCorrupt(msg)
        manifest = read_manifest(folder, digest=folder.name)
        train = index_rows(folder, manifest, split="train", max_tokens=plan.max_tokens)
        sample = sample_calibration(train, count=rows, seed=plan.seed)
        with workspace(output, restart=False) as work, atomic_output(output, work) as written:
            sampled = read_sampled(sample)
            write_sampled(sampled, written)
            quant_error = _measure(model, plan, sample, rule, work, console) if model else None
            if quant_error:
                (written / PLAN).write_text(plan_yaml(quant_error.quant_plan.plan), encoding="utf-8")
            told = Calibration(
                mixture=manifest.mixture,
                mixture_digest=folder.name,
                template=manifest.template,
                template_sha256=manifest.template_sha256,
                tokenizer_sha256=manifest.tokenizer_sha256,
                seed=plan.seed,
                max_tokens=plan.max_tokens,
                rows=len(sampled),
                tokens=sum(len(row.input_ids) for row in sampled),
                too_long=train.too_long,
                strata=sample.strata,
                files={
                    path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(written.iterdir())
                },
                quant_error=quant_error,
            )
            (written / MANIFEST).write_text(told.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return told


def plan_yaml(plan: Fragment) -> str:
    """Return the fields of a plan as `thinkmix train --plan` reads them."""
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in plan.items()}
    return yaml.safe_dump(fields, sort_keys=False)


def _measure(
    model: str, plan: TrainPlan, sample: CalibrationSample, rule: Rule, work: Path, console: Console
) -> QuantError:
    try:
        from thinkmix.train.quantize.quant_error import measure_quant_error  # noqa: PLC0415 - torch takes seconds, and is an extra
    except ModuleNotFoundError as error:
        msg = f"measuring a model needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    console.print(f"loading {model} to measure it on {sample.rows.frame.height} rows", highlight=False)
    with _bars(console) as told:
        return measure_quant_error(model, plan, sample.rows, rule=rule, scratch=work / "rows.ids", told=told)


@contextmanager
def _bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Sample a bar for each thing that is measured; give what is to be told."""
    columns = (TextColumn("{task.description:24}"), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bars = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done)

        yield told
