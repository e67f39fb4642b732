"""What one training run is of."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thinkmix.schemas.training import TrainPlan

if TYPE_CHECKING:
    from thinkmix.train.model.earlier_adapter import EarlierAdapter  # torch takes seconds


@dataclass(frozen=True)
class TrainJob:
    """A mixture, a plan and a model, and the folder that takes what is learnt."""

    version: Path
    """Folder of a published version, which the caller has verified."""
    digest: str
    """sha256 of the version's manifest, as verified: the mixture's digest."""
    plan: TrainPlan
    model: str
    """`tiny-random`, a local folder, or a hub id of a dense Qwen3."""
    output: Path
    """Folder that does not exist yet, or is empty."""
    adapter: "EarlierAdapter | None" = None
    """What the run goes on from; the plan has its rank, layers and form (`continued_plan`)."""
