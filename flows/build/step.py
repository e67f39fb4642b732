"""Steps: work whose output is named by all that decides it, none of which is listed by hand.

`step(function, **arguments)` names an output by the function, the code that it can reach, and its arguments;
`passes` names several outputs that one pass over a shard makes. A setting that a function does not take
cannot decide its output, and one that it takes cannot be left out of the name.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson
from pydantic import BaseModel

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.outputs import ForPieces, Make, Makers, OneOf
from thinkmix.flows.store.digests import key_of
from thinkmix.flows.store.fingerprint import Code, code_of

_SHOWN = 120
"""Characters of an argument that are kept as they are; of a longer one, its digest is."""


class Decided(NamedTuple):
    """What decides an output, short enough to be kept of every output of a build."""

    function: str
    code: Code
    arguments: Mapping[str, str]
    """JSON of each argument, or of each of its fields, or a digest where that is long."""


@dataclasses.dataclass(frozen=True)
class Step:
    """Work that makes one output."""

    key: str
    make: Make
    decided: Decided

    def alone(self) -> "Pass":
        """Return the work as a pass that makes this one output."""
        return Pass((self.key,), OneOf(self.make), (self.decided,))


@dataclasses.dataclass(frozen=True)
class Pass:
    """Work that makes several outputs in one pass over what they have in common."""

    keys: tuple[str, ...]
    make: Makers
    decided: tuple[Decided, ...]


def step(function: Callable[..., Mapping[str, object]], /, **arguments: object) -> Step:
    """Return the work of calling a function.

    Args:
        function: one at the top of a module, whose first argument is the folder that it writes into.
        arguments: by name; what one may be is said by `argument_key`.

    Raises:
        TypeError: if an argument cannot be part of a key.
    """
    decided, key = _decided(function, arguments)
    return Step(key, partial(function, **arguments), decided)


def passes(function: Callable[..., Iterable[Make]], /, over: str, **arguments: object) -> Pass:
    """Return the work of calling a function once for several outputs.

    Args:
        function: given all arguments, but in `over` only the pieces whose output is wanted, it yields what
            makes each, in that order.
        over: the argument that is a sequence; each piece in it makes an output, and decides it alone.
        arguments: by name, like those of `step`; all but `over` decide all outputs.

    Raises:
        TypeError: if an argument cannot be part of a key.
    """
    pieces = arguments.pop(over)
    assert isinstance(pieces, Sequence)
    made = [_decided(function, {**arguments, over: piece}) for piece in pieces]
    return Pass(
        tuple(key for _, key in made),
        ForPieces(partial(function, **arguments), over, tuple(pieces)),
        tuple(decided for decided, _ in made),
    )


def argument_key(value: object, name: str = "value", types: set[str] | None = None) -> object:
    """Return an argument as JSON that says all that it can decide.

    Args:
        value: a number, a text, None, a `Blob`, or a sequence, a mapping by name, a record, a dataclass or a
            named tuple of such. The order of a mapping says nothing.
        name: names it in an error.
        types: to which the modules are added that declare the types found; their code counts, too.

    Raises:
        TypeError: for everything else: a path says nothing of what lies there, and a set has no order.
    """
    types = set() if types is None else types
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)  # noqa: PLR0124 - NaN
    if isinstance(value, Blob):
        return {"sha256": value.sha256}
    if (fields := _fields(value)) is not None:
        types.add(_module(value, name))
        stated = {field: argument_key(getattr(value, field), f"{name}.{field}", types) for field in fields}
        return {"": type(value).__qualname__, **stated}
    if isinstance(value, list | tuple):
        return [argument_key(one, f"{name}[{place}]", types) for place, one in enumerate(value)]
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            msg = f"{name} has the key {wrong[0]!r}, which is no text; give a sequence of pairs"
            raise TypeError(msg)
        return {key: argument_key(one, f"{name}[{key!r}]", types) for key, one in value.items()}
    if isinstance(value, Path):
        msg = f"{name} is a path, which says nothing of what lies there; give a Blob"
    elif isinstance(value, set | frozenset):
        msg = f"{name} is a set, which has no order; give a sorted tuple"
    else:
        msg = f"{name} is of type {type(value).__name__}, which cannot be part of a key; give what it says"
    raise TypeError(msg)


def _decided(function: Callable[..., object], arguments: Mapping[str, object]) -> tuple[Decided, str]:
    types = set[str]()
    stated = {name: argument_key(value, name, types) for name, value in sorted(arguments.items())}
    code, name = code_of(function, frozenset(types)), f"{function.__module__}.{function.__qualname__}"
    key = key_of(function=name, code=code.digest, arguments=stated)
    return Decided(name, code, dict(_shown(stated))), key


def _shown(stated: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield arguments in short, those with fields field by field."""
    for name, value in stated.items():
        if isinstance(value, dict) and "" in value:
            yield from _shown({f"{name}.{field}": one for field, one in value.items() if field})
            continue
        if isinstance(value, dict) and value.keys() == {"sha256"}:
            yield name, f"#{str(value['sha256'])[:16]}"
            continue
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        yield name, f"#{key_of(value=value)[:16]}" if len(text) > _SHOWN or '"sha256"' in text else text


def _module(value: object, name: str) -> str:
    """Return the module that declares a value's type.

    Raises:
        TypeError: if it is none of ours: its code cannot be followed.
    """
    kind = type(value)
    if not kind.__module__.startswith("thinkmix."):
        msg = f"{name} is of type {kind.__name__} of {kind.__module__}, whose code is not followed"
        raise TypeError(msg)
    return kind.__module__


def _fields(value: object) -> Sequence[str] | None:
    """Return the fields of a record, dataclass or named tuple; None for anything else."""
    if isinstance(value, BaseModel):
        return tuple(type(value).model_fields)
    if isinstance(value, tuple):
        return getattr(value, "_fields", None)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple(field.name for field in dataclasses.fields(value))
    return None
