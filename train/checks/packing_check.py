"""The probe at a run's start: packed rows have the losses that they have alone, or nothing is trained."""

import numpy as np
import torch

from thinkmix.schemas.errors import TrainError
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import RowNumbers
from thinkmix.train.model.forward import row_losses
from thinkmix.train.model.model import Learner, base_model, head_weight

EXACT, ROUNDED = 1e-5, 2e-2
"""Greatest difference of a loss, relative to the mean loss, that rounding alone explains: in float32, and in
bfloat16 or where activations are rounded to 8 bit. A leak changes losses by 0.1 and more."""

_ROWS = 4


@torch.no_grad()
def check_isolation(model: Learner, tokens: Tokens, rows: RowNumbers) -> float:
    """Return how far packed losses are from those of rows alone, relative to their mean.

    Frameworks differ in what keeps packed rows apart, and fail silently: a cache or a mask too many,
    and every row reads its neighbours. So this model is asked, with the attention that it has now.

    Args:
        model: what is about to be trained.
        tokens: the encoded rows.
        rows: numbers of the rows to choose from; the four shortest are tried.

    Raises:
        TrainError: when the difference is more than rounding explains.
    """
    if len(rows) < 2:
        return 0.0
    rows = rows[np.argsort(tokens.lengths(rows), kind="stable")[:_ROWS]]
    trains = model.training
    model.eval()
    alone = torch.cat([row_losses(model, tokens, rows[[place]]) for place in range(len(rows))]).double()
    packed = row_losses(model, tokens, rows, packing=True).double()
    model.train(trains)
    apart = float((packed - alone).abs().max() / alone.mean())
    limit = _limit(model)
    if not apart <= limit:  # also if it is not a number
        name = base_model(model).config._attn_implementation
        msg = f"attention {name} lets packed rows see each other: their losses change by {apart:.2g}"
        msg = f"{msg} of the mean, of which rounding explains {limit}"
        raise TrainError(f"{msg}; set packing to false, or attention to auto")
    return apart


def _limit(model: Learner) -> float:
    rounded = head_weight(model).dtype != torch.float32
    return ROUNDED if rounded or any(weight.dtype == torch.int8 for weight in model.parameters()) else EXACT
