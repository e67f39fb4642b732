"""How long a run on a mixture takes: its rows by length, the steps, and what they read."""

import numpy as np

from thinkmix.schemas.record import Record
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.rows import Rows, plan_steps


class Forecast(Record):
    """What a plan does with the training rows of a version."""

    rows: int
    """Training rows, those included that are too long."""
    p50: int
    """Tokens of the row in the middle, prompt and completion together."""
    p95: int
    longest: int
    """Tokens of the longest row."""
    too_long: int
    """Rows longer than `max_tokens`, which are left out."""
    longest_read: int
    """Tokens of the longest row that is not left out."""
    largest_batch: int
    """Most tokens that are read at once, padding included."""
    steps: int
    tokens: int
    """Tokens that are read, each epoch counted, padding not."""
    trained_tokens: int
    """Of these, the tokens that carry loss."""
    padding_tokens: int
    hours: float | None
    """At the tokens a second that were given, padding counted; without evaluation."""


def forecast(rows: Rows, plan: TrainPlan, *, tokens_per_second: float | None = None) -> Forecast:
    """Return what the plan does with `rows`, which hold every row of the split whatever its length.

    Raises:
        TrainError: when no row is short enough.
    """
    lengths = rows.lengths()
    completions = rows.frame["completion_tokens"].to_numpy()
    fits = lengths <= plan.max_tokens
    read = Rows(rows.files, rows.frame.filter(fits), too_long=int((~fits).sum()))
    steps = plan_steps(read, plan)
    batches = [batch for step in steps for batch in step]
    seen = np.concatenate(batches)
    lengths_read = lengths[fits]
    padded = [
        int(lengths_read[batch].sum() if plan.packing else len(batch) * lengths_read[batch].max())
        for batch in batches
    ]
    tokens = int(lengths_read[seen].sum())
    p50, p95 = np.quantile(lengths, [0.5, 0.95], method="higher")
    return Forecast(
        rows=len(lengths),
        p50=int(p50),
        p95=int(p95),
        longest=int(lengths.max()),
        too_long=read.too_long,
        longest_read=int(lengths_read.max()),
        largest_batch=max(padded),
        steps=len(steps),
        tokens=tokens,
        trained_tokens=int(completions[fits][seen].sum()),
        padding_tokens=sum(padded) - tokens,
        hours=sum(padded) / tokens_per_second / 3600 if tokens_per_second else None,
    )
