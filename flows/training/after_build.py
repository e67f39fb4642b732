"""What follows a build, however it was started: the store is collected, and its version trained on."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thinkmix.flows.build.pipeline import Built
    from thinkmix.flows.recipe.training import TrainingSettings
    from thinkmix.flows.store.store import Store
    from thinkmix.flows.training.train_after import TrainingAfterBuild
    from thinkmix.train.output.result import TrainResult


def after_build(
    built: "Built",
    store: "Store",
    base: Path,
    *,
    keep: int | None = None,
    training: "TrainingSettings | None" = None,
    train: "Callable[[TrainingAfterBuild], TrainResult]",
) -> None:
    """Refuse a version that a gate blocked; else collect the store and train, where that is asked for.

    Args:
        built: the build.
        store: where its version lies.
        base: folder that a relative path of a model starts from.
        keep: how many good versions the store keeps once the version is published; unset collects nothing.
        training: the training that the recipe asks for, if any; one that fails leaves the version as it is.
        train: makes the training.

    Raises:
        Blocked: if a gate or check blocked the version.
    """
    built.check()
    if keep and built.status == "published":
        from thinkmix.flows.runs.retention import tidy  # noqa: PLC0415 - few builds collect

        tidy(store, built.manifest.mixture, keep)
    if training:
        from thinkmix.flows.training.train_after import train_after  # noqa: PLC0415 - few builds train

        train_after(built, training, base, train)
