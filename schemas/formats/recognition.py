"""What `format: auto` makes of a sample of rows: their format, or in a sentence why they have none."""

from collections.abc import Mapping, Sequence
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from thinkmix.schemas.findings import states_something
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.contract import Format, Row
from thinkmix.schemas.formats.fields import MEDIA, first_stated
from thinkmix.schemas.formats.known import RowFormat
from thinkmix.schemas.formats.messages import Messages
from thinkmix.schemas.formats.oasst import are_messages
from thinkmix.schemas.formats.roles import role_of
from thinkmix.schemas.formats.sample import columns_of, filled_columns, most, objects
from thinkmix.schemas.formats.turns import SPEAKERS, TEXTS
from thinkmix.schemas.plain import plain
from thinkmix.schemas.yaml_line import yaml_line

FORMATS: tuple[type[Format], ...] = tuple(
    kind for kind in get_args(get_args(RowFormat)[0]) if kind is not Auto
)
"""Every format but `auto`, in the order of the union."""

REFUSED: Mapping[str, tuple[str, ...]] = {
    "Media: a model of text cannot see what the answers speak of. Under any format such a row is dropped as "
    "`media`.": ("liuhaotian/LLaVA-Instruct-150K",),
    "One message a row: a conversation is spread over many rows. The files of whole trees are read.": (
        "OpenAssistant/oasst2 (`*.messages.jsonl.gz` and its parquet files)",
    ),
    "Preferences: two or more answers and which of them is better, as columns, pairs with a winner, answers "
    "with a label, or ranked lists. They are not a format yet.": (
        "HuggingFaceH4/ultrafeedback_binarized",
        "Anthropic/hh-rlhf",
        "Intel/orca_dpo_pairs",
        "llamafactory/DPO-En-Zh-20k",
        "PKU-Alignment/PKU-SafeRLHF",
        "nvidia/HelpSteer3",
        "openbmb/UltraFeedback",
    ),
}
"""What `refusal` refuses, in a sentence or two, and public sets of that kind."""

_ADAPTER: TypeAdapter[RowFormat] = TypeAdapter(RowFormat)
_PAIRED = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("chosen_output", "rejected_output"),
    ("conversation_a", "conversation_b"),
    ("response_0", "response_1"),
    ("response_1", "response_2"),
    ("response1", "response2"),
    ("response_a", "response_b"),
    ("answer_0", "answer_1"),
    ("output_1", "output_2"),
    ("human_ref_a", "human_ref_b"),
)
_LABELS = ("label", "preferred", "is_preferred")
_RANKED = ("completions", "answers", "responses", "candidates", "generations")
_RANKS = ("rank", "score", "rating", "annotations")
_SHOWN = 20
_NAME = 60


def parse_format(stated: object) -> RowFormat:
    """Return the format that plain JSON states.

    Raises:
        ValidationError: if it states none.
    """
    return _ADAPTER.validate_python(stated)


def format_statement(stated: Mapping[str, object]) -> str:
    """Return a format that a manifest holds as a recipe states it; settings of later releases are unset."""
    try:
        return parse_format(stated).statement()
    except ValidationError:
        return yaml_line(stated)


def best(rows: Sequence[Row]) -> Sequence[Format]:
    """Return the format that rows are laid out in; several if they fit equally well, none if none does.

    The least common layout wins, and between equals the one that reads or knows most of the columns.
    """
    columns = frozenset(columns_of(rows))
    found = [format for kind in FORMATS for format in kind.candidates(rows)]
    ranks = [(-format.generality, len(format.columns() & columns)) for format in found]
    return [format for format, rank in zip(found, ranks, strict=True) if rank == max(ranks)]


def refusal(rows: Sequence[Row]) -> str | None:
    """Return in a sentence why rows are not to be read, although a format may fit them; None if they are."""
    media = next((name for name in MEDIA if most([states_something(row.get(name)) for row in rows])), None)
    if media:
        return f"its rows come with media (column `{media}`), which a model of text cannot see"
    if are_messages(rows):
        return (
            "it holds one message a row, and a conversation lies in many rows; name the files of whole "
            "trees instead (*.trees.jsonl.gz), which `format: oasst` reads"
        )
    if words := _preference(rows):
        return f"its rows are preferences ({words}), which no format reads yet"
    return None


def unknown(rows: Sequence[Row]) -> str:
    """Return in a sentence that rows are in no known layout, with their columns."""
    columns = columns_of(rows)
    listed = ", ".join(f"`{plain(name, _NAME)}`" for name in columns[:_SHOWN]) or "none"
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    hint = next(filter(None, (_of_turns(rows, column) for column in columns)), "see docs/formats.md")
    return f"its rows are in no layout that is known; their columns are {listed}{more}; {hint}"


def _of_turns(rows: Sequence[Row], column: str) -> str | None:
    """Return in a few words why a column with lists of objects is none of turns; None for other columns."""
    lists = [objects(row.get(column)) for row in rows]
    if not most([bool(turns) for turns in lists]):
        return None
    turns = [turn for listed in lists for turn in listed]
    names = [turn[key] for turn in turns if (key := first_stated(turn, SPEAKERS)) is not None]
    format = Messages(messages=column).statement()
    where = f"if `{plain(column, _NAME)}` holds turns, state `format: {format}`"
    if not names or not any(first_stated(turn, TEXTS) for turn in turns):
        keys = ", ".join(f"`{plain(name, _NAME)}`" for name in columns_of(turns)[:_SHOWN])
        return f"{where} with those of their keys ({keys}) that are `speaker` and `text`"
    strangers = dict.fromkeys(name for name in names if isinstance(name, str) and not role_of(name, {}))
    if not strangers:
        return None
    spoken = ", ".join(f"`{plain(name, _NAME)}`" for name in [*strangers][:_SHOWN])
    return f"{where} with the `roles` of {spoken}"


def _preference(rows: Sequence[Row]) -> str | None:
    """Return the columns that show preferences: several answers, and which of them is better."""
    by_name = {name.casefold(): name for name in filled_columns(rows)}
    for pair in _PAIRED:
        if all(name in by_name for name in pair):
            return " and ".join(f"`{by_name[name]}`" for name in pair)
    for name in (by_name[label] for label in _LABELS if label in by_name):
        if most([isinstance(row.get(name), bool) for row in rows]):
            return f"answers with the label `{name}`"
    for name in _RANKED:
        if most([_is_ranked(row.get(name)) for row in rows]):
            return f"the ranked list `{name}`"
    return None


def _is_ranked(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) < 2:
        return False
    return all(isinstance(item, Mapping) and _has_rank(item) for item in value)


def _has_rank(item: Mapping[str, object]) -> bool:
    return any(rank in name.casefold() for name in map(str, item) for rank in _RANKS)
