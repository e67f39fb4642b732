"""The loss on held-out rows: over all, per source, and per thinking mode."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from train.encode import Tokens
from train.forward import row_losses
from train.model import Learner
from train.result import EvalLoss, Loss
from train.rows import Rows


@torch.no_grad()
def evaluate(model: Learner, tokens: Tokens, rows: Rows) -> EvalLoss | None:
    """Return the loss on `rows` in all, per source and per thinking mode; None when there are no rows."""
    if rows.frame.is_empty():
        return None
    model.eval()
    sums: Mapping[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for number, (source, thinking) in enumerate(rows.frame.select("source", "thinking").iter_rows()):
        losses = row_losses(model, tokens, np.array([number]))
        mode = "thinking" if thinking else "non_thinking"
        measured = (float(losses.double().sum()), len(losses))
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
