"""Protected sources: whether training has made the model forget one, and which weights had not yet."""

from collections.abc import Collection, Mapping, Sequence

from thinkmix.schemas.errors import TrainError
from thinkmix.train.output.result import Evaluation, Guarded


def check_sources(protected: Mapping[str, float], measured: Collection[str]) -> None:
    """Refuse to protect what would not be measured.

    Raises:
        TrainError: for a protected source that has no held-out row.
    """
    if unknown := sorted(set(protected) - set(measured)):
        there = ", ".join(sorted(measured)) or "none"
        msg = f"protected: no held-out row of {', '.join(unknown)} is measured; the sources are: {there}"
        raise TrainError(msg)


def forgotten(evals: Sequence[Evaluation], protected: Mapping[str, float]) -> tuple[str, ...]:
    """Return the protected sources whose last loss is above their first by more than their tolerance."""
    return tuple(
        source
        for source, tolerance in sorted(protected.items())
        if not _loss(evals[-1], source) <= _loss(evals[0], source) + tolerance  # nor is what is no number
    )


def best(evals: Sequence[Evaluation], protected: Mapping[str, float]) -> Evaluation | None:
    """Return the measurement with the lowest loss over all rows at which no protected source was forgotten.

    The earliest of equals; None if there is none but that before training.
    """
    held = [found for found in evals[1:] if not forgotten((evals[0], found), protected)]
    return min(held, key=lambda found: found.total.loss, default=None)


def curve(evals: Sequence[Evaluation], sources: Collection[str]) -> str:
    """Return how the loss of `sources` went, for people: `chat 1.20 (step 0), 1.43 (step 20)`."""
    return "; ".join(
        f"{source} " + ", ".join(f"{_loss(found, source):.3f} (step {found.step})" for found in evals)
        for source in sources
    )


def verdicts(
    evals: Sequence[Evaluation], protected: Mapping[str, float], *, kept_step: int
) -> dict[str, Guarded]:
    """Return what became of each protected source, `kept_step` being the step whose weights were written."""
    kept = next((found for found in evals if found.step == kept_step), None)
    if kept is None:
        return {}
    return {
        source: Guarded(
            tolerance=tolerance,
            before=_loss(evals[0], source),
            worst=max(_loss(found, source) for found in evals),
            after=_loss(kept, source),
        )
        for source, tolerance in sorted(protected.items())
    }


def _loss(found: Evaluation, source: str) -> float:
    return found.by_source[source].loss
