"""Cards that a run may be given, and what of their memory it may plan with."""

from dataclasses import dataclass
from typing import Literal

from thinkmix.schemas.errors import TrainError

HEADROOM = 0.1
"""Share of a card that a plan leaves free: estimates read low by some, and the allocator wastes more."""

Verdict = Literal["fits", "tight", "no"]
"""Whether a run fits a card: with headroom, only without it, or not at all."""


@dataclass(frozen=True)
class Gpu:
    """A card, with the memory that its driver reports."""

    name: str
    memory: int
    """Bytes."""

    def verdict(self, needed: int) -> Verdict:
        """Return whether a run that needs this many bytes fits."""
        if needed <= self.memory * (1 - HEADROOM):
            return "fits"
        return "tight" if needed <= self.memory else "no"


GPUS = tuple(
    Gpu(name, mebibytes * 2**20)
    for name, mebibytes in (
        ("RTX 3060 12GB", 12_288),
        ("RTX 4090 24GB", 24_564),
        ("RTX 5090 32GB", 32_607),
        ("A100 40GB", 40_960),
        ("L40S 48GB", 46_068),
        ("H100 80GB", 81_559),
        ("A100 80GB", 81_920),
        ("H200 141GB", 143_771),
        ("B200 180GB", 183_359),
    )
)
"""By memory; the figures are those of nvidia-smi."""


def find_gpu(text: str) -> Gpu:
    """Return a card by its name (`4090`, `A100 80GB`) or, for any other, by its size (`24GB`, of 10^9 bytes).

    Raises:
        TrainError: when it is neither, or several cards have this name.
    """
    wanted = text.strip().lower().replace("-", " ")
    if wanted.endswith("gb") and wanted.removesuffix("gb").strip().isdigit():
        return Gpu(text.strip(), int(wanted.removesuffix("gb")) * 10**9)
    found = [gpu for gpu in GPUS if wanted and set(wanted.split()) <= set(gpu.name.lower().split())]
    if len(found) == 1:
        return found[0]
    known = ", ".join(gpu.name for gpu in found or GPUS)
    msg = f"gpu {text} is {'one of several' if found else 'not known'}: name {known}, or a size such as 24GB"
    raise TrainError(msg)
