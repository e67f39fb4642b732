"""Checkpoints: all that a run which was killed needs to go on as if it had not been.

A checkpoint is one safetensors file, `STEP-SHA256.safetensors`, that appears whole or not at all and whose
name tells what its bytes must be. It holds the weights that learn, the optimiser's state, and a header with
the losses so far and with what the run was. The order of rows, dropout and learning rate follow from plan and
step alone, so they are not in it. Where several processes make a run, the first writes and all restore.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.record import Record
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.model import Learner
from thinkmix.train.output.atomic_output import set_mode, sync
from thinkmix.train.output.result import Evaluation, History
from thinkmix.train.run.processes import Process
from thinkmix.train.run.state import restore_optimiser, restore_weights, scalars_of, tensors_of

_SUFFIX = ".safetensors"
_PARTIAL = ".partial"
_HEADER = "thinkmix"
_SAMPLES = 64

_FREE = ("save_every", "keep_checkpoints", "mode_prompts", "mode_least", "mode_tokens")
"""Fields of a plan that decide no weight, so that a resumed run may have others."""


class Origin(Record):
    """What a run is: a checkpoint is of use only to a run with the same values here."""

    plan: Mapping[str, Any]
    """The plan's fields that decide a weight or a measurement."""
    mixture: str
    """sha256 of the version's manifest."""
    versions: Mapping[str, str]
    """Libraries that decide the weights."""
    processes: int = 1
    """How many share the batches of a step: they decide in which order it is summed."""
    adapter: str | None = None
    """sha256 of the weights of the adapter that it goes on from."""


def origin_of(
    plan: TrainPlan,
    *,
    mixture: str,
    versions: Mapping[str, str],
    processes: int = 1,
    adapter: str | None = None,
) -> Origin:
    """Return what a run with this plan on this mixture is."""
    return Origin(
        plan=plan.model_dump(mode="json", exclude=set(_FREE)),
        mixture=mixture,
        versions=dict(versions),
        processes=processes,
        adapter=adapter,
    )


class Header(Record):
    """What a checkpoint says of itself."""

    origin: Origin
    model: str
    """Fingerprint of the model that training began with."""
    losses: tuple[float, ...]
    evals: tuple[Evaluation, ...]
    best: int | None
    """Step of the best measurement so far, if the run keeps it: its checkpoint stays as long as this one."""
    state: Mapping[str, Any]
    """Values of the optimiser's state that are no tensors, by the names that tensors have."""

    @property
    def step(self) -> int:
        """Return how many steps were made."""
        return len(self.losses)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose bytes were verified."""

    path: Path
    header: Header


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run, in a folder of their own.

    Args:
        folder: where they lie.
        keep: how many of the latest stay.
        origin: what the run is.
        notice: called with a sentence when a checkpoint is damaged.
        process: this process among those of the run; all of them must call each method together.
    """

    folder: Path
    keep: int
    origin: Origin
    notice: Callable[[str], None]
    process: Process = field(default_factory=Process)

    def newest(self) -> Checkpoint | None:
        """Return the latest checkpoint that is whole; a damaged one is named, and removed.

        Raises:
            TrainError: if it is of another run; says what differs, and the ways out. Or if another process
                does not see it.
        """
        found = self.process.by_first(self._newest)
        if found:
            self.process.all_well(None if _is_whole(found.path) else _unseen(found.path))
        return found

    def _newest(self) -> Checkpoint | None:
        for leftover in self.folder.glob(f"*{_PARTIAL}"):
            leftover.unlink()
        for path in reversed(self._paths()):
            if path.exists() and (checkpoint := self._open(path)) and self._has_its_best(checkpoint):
                self._check(checkpoint.header.origin)
                return checkpoint
        return None

    def restore(
        self,
        past: Checkpoint | None,
        learner: Learner,
        optimiser: torch.optim.Optimizer,
        *,
        model: str,
    ) -> History:
        """Set weights and optimiser to where the run ended, and return how it went; a new run's is empty.

        Args:
            past: where to go on from, if anywhere.
            learner: the model, as training begins with it.
            optimiser: its optimiser.
            model: fingerprint of the model, as training begins with it.

        Raises:
            TrainError: if training began with another model.
        """
        if past is None:
            return History()
        if past.header.model != model:
            raise TrainError(_refusal(self.folder, "the model's weights, device or precision are others"))
        with safe_open(str(past.path), framework="pt") as file:
            restore_weights(learner, file.get_tensor)
            restore_optimiser(optimiser, file.get_tensor, file.keys(), past.header.state)
        self.notice(
            f"going on after step {past.header.step}, from {past.path}; with --restart it would start over"
        )
        return History(list(past.header.losses), list(past.header.evals))

    def restore_weights(self, step: int, learner: Learner) -> None:
        """Set the weights that learn to those after `step`.

        Raises:
            TrainError: if they are not there, or damaged.
        """
        found = self._at(step)
        if found is None:
            msg = f"the weights of step {step} are no longer in {self.folder}, so nothing is written"
            raise TrainError(msg)
        with safe_open(str(found.path), framework="pt") as file:
            restore_weights(learner, file.get_tensor)

    def _at(self, step: int) -> Checkpoint | None:
        """Return the checkpoint of `step`, or None if no whole one exists."""
        found = (self._open(path) for path in self._paths() if _step(path) == step)
        return next((checkpoint for checkpoint in found if checkpoint), None)

    def save(
        self,
        learner: Learner,
        optimiser: torch.optim.Optimizer,
        history: History,
        *,
        model: str,
        best: int | None = None,
    ) -> None:
        """Write a checkpoint, and remove those that are no longer kept.

        Raises:
            TrainError: if it cannot be written; those before it stay.
        """
        header = Header(
            origin=self.origin,
            model=model,
            losses=tuple(history.losses),
            evals=tuple(history.evals),
            best=best,
            state=scalars_of(optimiser),
        )
        tensors = tensors_of(learner, optimiser)
        if self.process.rank:  # it only helps to put each together
            deque(tensors, maxlen=0)
        held = dict(tensors)  # empty where they went by
        self.process.by_first(lambda: self._write(header, held))

    def _write(self, header: Header, tensors: Mapping[str, Tensor]) -> None:
        self.folder.mkdir(exist_ok=True)
        partial = self.folder / f"{header.step:010}{_PARTIAL}"
        try:
            save_file(_apart(tensors), partial, metadata={_HEADER: header.model_dump_json()})
            set_mode(partial)
            sync(partial)
            partial.rename(self.folder / f"{header.step:010}-{_sha256(partial)}{_SUFFIX}")
            sync(self.folder)
        except (OSError, SafetensorError) as error:
            partial.unlink(missing_ok=True)
            msg = f"the checkpoint of step {header.step} cannot be written to {self.folder}: {error}"
            raise TrainError(msg) from error
        self._prune()

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob(f"*-*{_SUFFIX}"))

    def _open(self, path: Path) -> Checkpoint | None:
        try:
            if _is_whole(path):
                return Checkpoint(path, _header(path))
        except (OSError, SafetensorError, ValidationError) as error:
            self.notice(f"checkpoint {path} cannot be read, so the one before it is used: {error}")
            return None
        self.notice(f"checkpoint {path} is damaged, so it is removed and the one before it is used")
        path.unlink(missing_ok=True)  # several processes may find it
        return None

    def _has_its_best(self, checkpoint: Checkpoint) -> bool:
        best = checkpoint.header.best
        if best in (None, checkpoint.header.step) or self._at(best):
            return True
        self.notice(f"checkpoint {checkpoint.path} needs the weights of step {best}, which are gone")
        return False

    def _check(self, origin: Origin) -> None:
        if found := [*_differences(origin, self.origin)]:
            raise TrainError(_refusal(self.folder, "; ".join(found)))

    def _prune(self) -> None:
        paths = self._paths()
        kept = paths[-self.keep :]
        best = {_header(path).best for path in kept}
        for path in paths:
            if path not in kept and _step(path) not in best:
                path.unlink()


def fingerprint(learner: Learner, facts: Record) -> str:
    """Return a digest of the model as it is: `facts` of it, and some values out of every weight.

    Weights of another model or revision differ everywhere, so that a sample tells them apart; all of them
    would take as long to read as the model takes to load.
    """
    digest = sha256(facts.model_dump_json().encode())
    for name, weight in learner.named_parameters():
        values = weight.detach().reshape(-1)
        step = max(1, len(values) // _SAMPLES)
        digest.update(f"\0{name}\0{tuple(weight.shape)}\0".encode())
        digest.update(values[::step].cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in memory of their own: safetensors refuses two that share it."""
    seen: set[int] = set()
    apart: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        shared = tensor.untyped_storage().data_ptr() in seen
        seen.add(tensor.untyped_storage().data_ptr())
        apart[name] = tensor.clone() if shared else tensor.contiguous()
    return apart


def _header(path: Path) -> Header:
    with safe_open(str(path), framework="pt") as file:
        return Header.model_validate_json(file.metadata()[_HEADER])


def _step(path: Path) -> int:
    return int(path.stem.partition("-")[0])


def _differences(was: Origin, now: Origin) -> Iterator[str]:
    if was.processes != now.processes:
        yield f"the number of processes was {was.processes}, now {now.processes}"
    if was.mixture != now.mixture:
        yield f"the mixture was {was.mixture[:12]}, now {now.mixture[:12]}"
    if was.adapter != now.adapter:
        yield f"it went on from {_short(was.adapter)}, now from {_short(now.adapter)}"
    for kind, before, after in (("", was.plan, now.plan), ("version of ", was.versions, now.versions)):
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield f"{kind}{name} was {before.get(name)}, now {after.get(name)}"


def _short(adapter: str | None) -> str:
    return f"the adapter {adapter[:12]}" if adapter else "no adapter"


def _refusal(folder: Path, why: str) -> str:
    way_out = "undo that, name another output, or drop them with --restart"
    return f"{folder} holds checkpoints of another run ({why}): {way_out}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _is_whole(path: Path) -> bool:
    """Return whether a checkpoint is there, and is what its name says."""
    return path.exists() and _sha256(path) == path.stem.partition("-")[2]


def _unseen(path: Path) -> str:
    where = "all must see one folder, on several machines one that they share"
    return f"{path} is not what process 0 goes on from: {where}"
