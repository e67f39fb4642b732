"""The loss on held-out rows: over all, per source, and per thinking mode."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from train.encode import Tokens
from train.forward import row_losses
from train.model import Learner
from train.result import EvalLoss, Loss
from train.rows import RowNumbers, Rows


@torch.no_grad()
def evaluate(
    model: Learner,
    tokens: Tokens,
    rows: Rows,
    *,
    losses: Callable[[Tokens, RowNumbers], Tensor] | None = None,
) -> EvalLoss | None:
    """Return the loss on `rows` in all, per source and per thinking mode; None when there are no rows.

    Args:
        model: what is measured.
        tokens: the encoded rows.
        rows: their numbers in `tokens` are their places here.
        losses: returns the loss of each trained token of some rows; unset asks the model.
    """
    if rows.frame.is_empty():
        return None
    model.eval()
    measure = losses or partial(row_losses, model)
    sums: Mapping[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for number, (source, thinking) in enumerate(rows.frame.select("source", "thinking").iter_rows()):
        found = measure(tokens, np.array([number]))
        mode = "thinking" if thinking else "non_thinking"
        measured = (float(found.double().sum()), len(found))
        for key in (("total", ""), ("source", source), ("mode", mode)):
            sums[key].append(measured)
    means = {key: _mean(measured) for key, measured in sorted(sums.items())}
    return EvalLoss(
        total=means["total", ""],
        by_source={name: loss for (kind, name), loss in means.items() if kind == "source"},
        by_mode={name: loss for (kind, name), loss in means.items() if kind == "mode"},
    )


def _mean(measured: Sequence[tuple[float, int]]) -> Loss:
    trained = sum(count for _, count in measured)
    return Loss(loss=sum(loss for loss, _ in measured) / trained, rows=len(measured), trained_tokens=trained)
