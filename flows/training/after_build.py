"""What follows a build, however it was started: the store is collected, and its version trained on."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thinkmix.flows.build.pipeline import Built
    from thinkmix.flows.recipe.tuning import Tuning
    from thinkmix.flows.store.store import Store
    from thinkmix.flows.training.following import Following
    from thinkmix.train.output.result import TrainResult


def after_build(
    built: "Built",
    store: "Store",
    base: Path,
    *,
    keep: int | None = None,
    tuning: "Tuning | None" = None,
    train: "Callable[[Following], TrainResult]",
) -> None:
    """Refuse a version that a gate held; else collect the store and train, where that is asked for.

    Args:
        built: the build.
        store: where its version lies.
        base: folder that a relative path of a model starts from.
        keep: how many good versions the store keeps once the version is published; unset collects nothing.
        tuning: the training that the recipe asks for, if any; one that fails leaves the version as it is.
        train: makes the training.

    Raises:
        Held: if a gate or check held the version.
    """
    built.check()
    if keep and built.status == "published":
        from thinkmix.flows.runs.retention import tidy  # noqa: PLC0415 - few builds collect

        tidy(store, built.manifest.mixture, keep)
    if tuning:
        from thinkmix.flows.training.following import train_after  # noqa: PLC0415 - few builds train

        train_after(built, tuning, base, train)
