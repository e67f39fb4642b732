"""What merging costs an adapter that learnt beside quantised weights: the loss before and after."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.rows import index_rows, read_manifest, sample_rows
from thinkmix.train.model.model import Learner, prepare, quiet
from thinkmix.train.output.trained_folder import read_trained
from thinkmix.train.run.evaluate import evaluate

ROWS = 32
"""How many rows of each source are read if the run measured none."""


@dataclass(frozen=True)
class MergeLoss:
    """The loss of an adapter on its quantised base, and that of the model in 16 bit or more."""

    adapter: float
    """Nats per trained token."""
    merged: float
    rows: int
    split: str
    """eval for held-out rows, train where the version holds out none."""

    def sentence(self) -> str:
        """Return it in words."""
        kind = "held-out" if self.split == "eval" else "training"
        moved = f"{self.adapter:.3f} → {self.merged:.3f} ({self.merged - self.adapter:+.3f})"
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{kind} loss {moved}, quantised with the adapter → merged, over {rows}"


def measure_merge(adapter: Path, merged: Path, *, base: str, version: Path) -> MergeLoss:
    """Return the loss before and after merging, both on this machine, one model in memory after the other.

    Args:
        adapter: folder of a run by qlora4 or qlora8.
        merged: the model that `merge` made of it.
        base: the model that the adapter was trained on.
        version: folder of a verified version, named by its digest.

    Raises:
        TrainError: if the version has no row that fits, or a model cannot be loaded.
    """
    result = read_trained(adapter)
    plan = result.plan.model_copy(update={"dtype": result.model.dtype})
    manifest, per_source = read_manifest(version, digest=version.name), plan.eval_rows or ROWS
    for split in ("eval", "train"):
        found = index_rows(version, manifest, split=split, max_tokens=plan.max_tokens)
        rows = sample_rows(found, per_source=per_source)
        if not rows.frame.is_empty():
            break
    else:
        msg = f"{version} has no row of at most {plan.max_tokens} tokens to measure the loss on"
        raise TrainError(msg)
    with TemporaryDirectory() as scratch, quiet():
        tokens = open_tokens(rows, split=split, mixture=version.name, folder=Path(scratch))

        def loss(learner: Learner) -> float:
            measured = evaluate(learner, tokens, rows, plan)
            assert measured  # there are rows
            return measured.total.loss

        quantised = loss(prepare(base, plan, adapter=adapter))
        whole = loss(prepare(str(merged), _read_only(plan)))
    return MergeLoss(quantised, whole, rows.frame.height, split)


def _read_only(plan: TrainPlan) -> TrainPlan:
    """Return a plan that reads a whole model as `plan` reads its own."""
    same = {name: getattr(plan, name) for name in ("dtype", "batch", "max_tokens", "packing", "attention")}
    return TrainPlan.model_validate({**same, "method": "full"})
