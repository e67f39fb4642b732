"""What a recipe declares of every source, wherever its rows lie."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from thinkmix.curation.rules.known import Rules
from thinkmix.curation.rules.selection import Stated
from thinkmix.curation.validate.settings import CapBy, RowSettings
from thinkmix.schemas.formats.known import RowFormat
from thinkmix.schemas.patterns import Line


def _format_by_name(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


class SourceBase(RowSettings):
    """What every source declares; what only a person or a gate reads is declared here."""

    format: Annotated[RowFormat, BeforeValidator(_format_by_name)]
    """How its rows are laid out: a format's name, or its name and settings."""
    unopened_trace: Literal["auto", "read", "refuse"] = "auto"
    """What `</think>` without `<think>` means: the end of a trace that the template opened (`read`), or a
    broken row (`refuse`). `auto` reads it if the chat template opens traces in its prompts."""
    rules: Rules = Field(default_factory=dict)
    """Rules that this source has otherwise than the recipe: `{repetition: {above: 0.5}}`."""
    select: Stated = Stated()
    """Which valid rows stay: by flags of rules, by what is known of problem and answer, and by size. A row
    needs all that is stated; others are left out as `not_selected`. `thinkmix select` says how many."""
    cap_by: CapBy = "solver"
    """Which solutions of a problem stay under `max_solutions_per_problem`: those of solvers in turn, the
    `shortest`, those whose traces branch least (`branching`), or by `hash`. Verified answers stay before
    unknown ones and those before wrong ones; see the rule `wrong_answer`."""
    licence: Line | None = None
    """SPDX id or words, carried into manifest and dataset card."""
    expect_rows: int | None = Field(default=None, ge=0, le=10**12)
    """How many raw rows a pinned set must have; unset means any number. See the gate `expected_rows`."""
