"""The polars schema of a record is the one that a person would write down."""

from enum import StrEnum
from typing import Annotated, Literal

import polars as pl
import pytest
from pydantic import Field

from schemas.conversation import Conversation
from schemas.frame import polars_schema
from schemas.record import JsonObject, Record


def test_a_conversation_has_the_columns_that_it_should() -> None:
    """Derived and written by hand, the schemas are equal."""
    call = pl.Struct({"name": pl.String(), "arguments": pl.String()})
    message = {
        "role": pl.String(),
        "content": pl.String(),
        "reasoning": pl.String(),
        "tool_calls": pl.List(call),
    }
    lineage = {"dataset": pl.String(), "revision": pl.String(), "file": pl.String(), "row": pl.Int64()}
    assert polars_schema(Conversation) == pl.Schema(
        {
            "id": pl.String(),
            "source": pl.String(),
            "messages": pl.List(pl.Struct(message)),
            "tools": pl.List(pl.String()),
            "lineage": pl.Struct(lineage),
            "quality": pl.Float64(),
            "solver": pl.String(),
            "metadata": pl.String(),
        }
    )


class _Word(StrEnum):
    A = "a"


class _Kinds(Record):
    flag: bool
    count: int
    share: float | None
    word: _Word
    one_of: Literal["a", "b"]
    number: Literal[1, 2]
    switch: Literal[True]
    bounded: Annotated[int, Field(ge=0)]
    json_object: JsonObject | None
    nested: tuple[tuple[int, ...], ...] | None


def test_every_kind_of_field_has_its_column() -> None:
    """A truth value is not an integer, a literal is of its values' type, JSON is text."""
    assert list(polars_schema(_Kinds).values()) == [
        pl.Boolean(),
        pl.Int64(),
        pl.Float64(),
        pl.String(),
        pl.String(),
        pl.Int64(),
        pl.Boolean(),
        pl.Int64(),
        pl.String(),
        pl.List(pl.List(pl.Int64())),
    ]


class _Union(Record):
    either: int | str


class _Pair(Record):
    pair: tuple[int, str]


class _Mixed(Record):
    mixed: Literal["a", 1]


class _Bytes(Record):
    raw: bytes


@pytest.mark.parametrize("record", [_Union, _Pair, _Mixed, _Bytes])
def test_a_field_without_one_column_type_is_refused(record: type[Record]) -> None:
    """No type is guessed."""
    with pytest.raises(TypeError, match="no polars type"):
        polars_schema(record)
