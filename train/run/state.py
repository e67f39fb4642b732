"""What a run has learnt as named, whole tensors, and back: the weights that learn, the optimiser's state."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from thinkmix.train.model.model import Learner
from thinkmix.train.run.processes import reshard, shard_like, whole

Read = Callable[[str], Tensor]
"""Gives the tensor of that name."""

_WEIGHT, _STATE = "weight.", "state."


def scalars_of(optimiser: Optimizer) -> dict[str, Any]:
    """Return the values of the optimiser's state that are no tensors, by name."""
    leaves = _flat(optimiser.state_dict()["state"])
    return {name: value for name, value in leaves if not isinstance(value, Tensor)}


def tensors_of(learner: Learner, optimiser: Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Yield weights and state by name; if processes share them out, all must go through all."""
    reshard(learner)
    for name, weight in _learning(learner):
        yield _WEIGHT + name, whole(weight.detach())
    for name, value in _flat(optimiser.state_dict()["state"]):
        if isinstance(value, Tensor):
            yield _STATE + name, whole(value)


@torch.no_grad()
def restore_weights(learner: Learner, read: Read) -> None:
    """Set the weights that learn to what `tensors_of` gave."""
    reshard(learner)
    for name, weight in _learning(learner):
        weight.copy_(shard_like(read(_WEIGHT + name), weight))


def restore_optimiser(
    optimiser: Optimizer, read: Read, names: Iterable[str], scalars: Mapping[str, Any]
) -> None:
    """Set the optimiser's state to what `tensors_of` and `scalars_of` gave, in memory of its own.

    Tensors of a mapped file may lie at addresses where vectorised kernels round differently.
    """
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    found = dict(scalars)
    for name in names:
        if name.startswith(_STATE):
            place = name.removeprefix(_STATE)
            found[place] = shard_like(read(name).clone(), weights[int(place.partition("/")[0])])
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": _nested(found), "param_groups": groups})


def _learning(learner: Learner) -> Iterator[tuple[str, Tensor]]:
    return ((name, weight) for name, weight in learner.named_parameters() if weight.requires_grad)


def _flat(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings, named by their path; keys hold no slash."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def _nested(leaves: Mapping[str, Any]) -> dict[Any, Any]:
    """Return the mappings that `_flat` took apart; the outermost keys are numbers of parameters."""
    state: dict[Any, Any] = {}
    for name, value in leaves.items():
        first, *inner, last = name.split("/")
        place = state.setdefault(int(first), {})
        for key in inner:
            place = place.setdefault(key, {})
        place[last] = value
    return state
