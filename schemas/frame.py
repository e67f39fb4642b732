"""The polars schema of a record, derived from its pydantic model so that the two views cannot drift."""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import polars as pl
from pydantic import BaseModel

from schemas.record import JsonText

_SCALARS: Mapping[type, pl.DataType] = {
    str: pl.String(),
    bool: pl.Boolean(),  # before int, which it is a kind of
    int: pl.Int64(),
    float: pl.Float64(),
}


def polars_schema(model: type[BaseModel]) -> pl.Schema:
    """Return the polars schema of `model`: nested models become structs, tuples become lists.

    Raises:
        TypeError: for a field type that has no single column type (a union of two types, say).
    """
    fields = model.model_fields
    return pl.Schema({name: _column_type(field.annotation, field.metadata) for name, field in fields.items()})


def _column_type(annotation: object, metadata: Sequence[object] = ()) -> pl.DataType:
    if JsonText in metadata:
        return pl.String()
    origin, args = get_origin(annotation), get_args(annotation)
    inner = [arg for arg in args if arg is not NoneType]
    if origin is Annotated:
        return _column_type(args[0], args[1:])
    if origin in (Union, UnionType) and len(inner) == 1:
        return _column_type(inner[0])
    if origin is tuple and args[1:] == (...,):
        return pl.List(_column_type(args[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pl.Struct(dict(polars_schema(annotation)))
    kinds = {type(arg) for arg in args} if origin is Literal else {annotation}
    for scalar, dtype in _SCALARS.items():
        if all(isinstance(kind, type) and issubclass(kind, scalar) for kind in kinds):
            return dtype
    msg = f"no polars type for {annotation!r}"
    raise TypeError(msg)
