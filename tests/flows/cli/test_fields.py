"""Fields of a record become flags: the record is the only place that knows their names, words and bounds."""

import sys
from collections.abc import Mapping
from typing import Literal

import pytest
import typer
from pydantic import Field

from thinkmix.flows.cli import main
from thinkmix.flows.cli.fields import FieldsCommand
from thinkmix.schemas.record import Record, descriptions
from thinkmix.schemas.training import TrainPlan


class Kiln(Record):
    """A record with a field of every kind."""

    glaze: Literal["ash", "salt"] = "ash"
    """What is thrown in. It melts."""
    hot: bool = True
    """Whether it is lit."""
    degrees: int = Field(default=1200, ge=100, le=1400)
    """How hot."""
    hours: float | None = Field(default=None, gt=0)
    """How long."""
    pots: Literal["all"] | tuple[str, ...] = "all"
    """Which pots."""
    shelves: tuple[str, ...] = ()
    """Where they stand."""
    marks: Mapping[str, float] = {}
    """When each pot is looked at."""


class KilnCommand(FieldsCommand):
    @staticmethod
    def record() -> type[Kiln]:
        """Return the kiln."""
        return Kiln


@pytest.fixture
def typed(capsys, monkeypatch):
    """Run a command made of the kiln's fields; return what it was told, or what it said."""
    app, told = typer.Typer(pretty_exceptions_enable=False, add_completion=False), []

    @app.command(cls=KilnCommand)
    def fire(context: typer.Context, name: str) -> None:
        """Fire it."""
        told.append((name, context.obj))

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["fire", *words])
        monkeypatch.setenv("COLUMNS", "300")
        with pytest.raises(SystemExit) as ended:
            app()
        out = capsys.readouterr()
        return told.pop() if ended.value.code == 0 and told else out.out + out.err

    return run


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ((), {}),
        (("--glaze", "salt", "--degrees", "900"), {"glaze": "salt", "degrees": 900}),
        (("--no-hot",), {"hot": False}),
        (("--hot", "--hours", "2.5"), {"hot": True, "hours": 2.5}),
        (("--pots", "all"), {"pots": "all"}),
        (("--pots", "jug"), {"pots": ("jug",)}),
        (("--pots", "jug,cup", "--pots", "bowl"), {"pots": ("jug", "cup", "bowl")}),
        (("--shelves", "top"), {"shelves": ("top",)}),
        (("--marks", "jug=3", "--marks", "cup=1e-2"), {"marks": {"jug": "3", "cup": "1e-2"}}),
        (("--marks", "a=b=3"), {"marks": {"a=b": "3"}}),
    ],
)
def test_what_is_typed_arrives_and_nothing_else(typed, words, flags):
    """Fields that were not typed are not there, so that a file or a default can say them."""
    name, got = typed("cup", *words)
    assert (name, got) == ("cup", flags)
    Kiln.model_validate(got)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--glaze", "lead"), "'lead' is not one of 'ash', 'salt'"),
        (("--degrees", "1500"), "'--degrees': Input should be less than or equal to 1400"),
        (("--degrees", "warm"), "'--degrees': Input should be a valid integer"),
    ],
)
def test_bounds_and_choices_are_the_records(typed, words, sentence):
    """What no record would take is refused where it is typed."""
    assert sentence in typed("cup", *words)


def test_help_says_the_first_sentence_and_the_default(typed):
    """A field's docstring is its help."""
    out = typed("--help")
    assert "What is thrown in (default ash)" in out
    assert "It melts" not in out
    assert "Whether it is lit (default yes)" in out
    assert "NAME=NUMBER" in out


def test_a_name_that_is_taken_is_refused():
    """A field that hides a parameter would be a flag with two meanings."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)

    @app.command(cls=KilnCommand)
    def fire(hot: bool) -> None:
        """Fire it."""

    with pytest.raises(TypeError, match="fire has a parameter of its own called like the field hot"):
        app(["--help"])


def test_every_field_of_the_plan_is_a_flag(capsys, monkeypatch):
    """Each is named, said what it does, and can be typed."""
    monkeypatch.setattr(sys, "argv", ["thinkmix", "train", "--help"])
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        main()
    out = " ".join(capsys.readouterr().out.split())
    for name in TrainPlan.model_fields:
        assert f"--{name.replace('_', '-')} " in out, name
        assert (
            " ".join(descriptions(TrainPlan)[name].split()).partition(". ")[0].removesuffix(".")[:60] in out
        ), name
