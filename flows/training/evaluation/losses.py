"""The loss of two models of this machine on the completions of the same held-out rows."""

from pathlib import Path

import numpy as np
import polars as pl

from thinkmix.flows.pages.training.evaluation import LossPair
from thinkmix.flows.system.progress import Event, Notify
from thinkmix.flows.training.evaluation.paired import compare_losses
from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.rows import Rows, batches_of_each, index_rows, read_manifest


def measure_losses(
    version: Path,
    ids: frozenset[str],
    model: Path,
    against: Path,
    *,
    scratch: Path,
    seed: int,
    notify: Notify,
) -> LossPair | None:
    """Return the losses of two models on held-out rows; None if none of them fits the plan's longest row.

    The models are in memory one after the other.

    Args:
        version: a version's folder, verified.
        ids: which rows.
        model: folder of a model.
        against: folder of the other.
        scratch: folder for encoded rows.
        seed: of the interval.
        notify: is told how far it got.

    Raises:
        TrainError: if a model cannot be loaded, or training is not installed.
    """
    try:
        from thinkmix.train.data.encode import encode_rows  # noqa: PLC0415 - torch takes seconds, and is an extra
        from thinkmix.train.model import model as models  # noqa: PLC0415
        from thinkmix.train.quantize.quant_error import Bench, load_as_it_is  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"the loss of a model needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    import torch  # noqa: PLC0415

    plan = TrainPlan(packing=False)
    manifest = read_manifest(version, digest=version.name)
    found = index_rows(version, manifest, split="eval", max_tokens=plan.max_tokens)
    rows = Rows(found.files, found.frame.filter(pl.col("id").is_in(list(ids))), found.too_long)
    if rows.frame.is_empty():
        return None
    sums = []
    with torch.no_grad(), models.quiet():
        for name, folder in (("model", model), ("against", against)):
            tokens = encode_rows(rows, np.arange(rows.frame.height), scratch=scratch / f"{name}.ids")
            batches = batches_of_each(rows, plan)

            def told(what: str, done: int, total: int, name: str = name) -> None:
                notify(Event("losses", name, done, total, unit="batches"))

            with models.threads_for(str(folder)):
                bench = Bench(load_as_it_is(str(folder), plan), tokens, batches, told)
                measured = bench.losses()
            sums.append(measured.sums)
    return compare_losses(sums[0], sums[1], measured.counts, seed=seed)
