"""The loss on held-out rows: over all, per source, and per thinking mode."""

from collections.abc import Callable, Sequence
from functools import partial
from math import fsum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import RowNumbers, Rows, batches_of_each
from thinkmix.train.model.forward import row_losses
from thinkmix.train.model.model import Learner
from thinkmix.train.output.result import EvalLoss, Loss


@torch.no_grad()
def evaluate(
    model: Learner,
    tokens: Tokens,
    rows: Rows,
    plan: TrainPlan,
    *,
    losses: Callable[[Tokens, RowNumbers], Tensor] | None = None,
) -> EvalLoss | None:
    """Return the loss on `rows` in all, per source and per thinking mode; None when there are no rows.

    Rows are read in the same batches every time, as many at once as in training and packed like there.

    Args:
        model: what is measured.
        tokens: the encoded rows.
        rows: their numbers in `tokens` are their places here.
        plan: says how rows are batched.
        losses: returns the loss of each trained token of some rows; unset asks the model.
    """
    if rows.frame.is_empty():
        return None
    model.eval()
    measure = losses or partial(row_losses, model, packing=plan.packing)
    counts, sums = tokens.sizes - tokens.prompts, np.zeros(rows.frame.height)
    for batch in batches_of_each(rows, plan):
        found = measure(tokens, batch).double().cpu()
        sums[batch] = [float(row.sum()) for row in torch.split(found, counts[batch].tolist())]
    sources, thinking = rows.frame["source"].to_numpy(), rows.frame["thinking"].to_numpy()
    modes = {"non_thinking": ~thinking, "thinking": thinking}
    return EvalLoss(
        total=_mean(sums, counts),
        by_source={name: _mean(sums[own], counts[own]) for name, own in _by_name(sources)},
        by_mode={name: _mean(sums[own], counts[own]) for name, own in modes.items() if own.any()},
    )


def _by_name(sources: NDArray[np.object_]) -> Sequence[tuple[str, NDArray[np.bool_]]]:
    return [(name, sources == name) for name in sorted(set(sources.tolist()))]


def _mean(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> Loss:
    trained = int(counts.sum())  # and the exact sum of the losses, which the order of rows cannot change
    return Loss(loss=fsum(sums.tolist()) / trained, rows=len(sums), trained_tokens=trained)
