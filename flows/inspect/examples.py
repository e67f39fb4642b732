"""What a trainer sees of a row: its prompts, which carry no loss, and the completions that are learned."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from thinkmix.curation.validate.learned import learned_turns
from thinkmix.flows.inspect.lookup import by_id
from thinkmix.flows.inspect.rows import VALIDATE, Outcome, Rows, Said, outcomes_of, sentence
from thinkmix.schemas.errors import NotFound
from thinkmix.schemas.record import Record
from thinkmix.templates.chat.tokenizer import count_tokens, encode
from thinkmix.templates.chat.turns import ModeUnsupported, training_turns


class Example(Record):
    """One assistant turn as it is, or would be, trained."""

    id: str
    split: str | None
    """`train` or `eval`; unset for an example that is not in the mixture."""
    copies: int
    """How often the mixture has it."""
    turn: int
    thinking: bool
    prompt: str
    completion: str
    prompt_tokens: int
    completion_tokens: int
    """The only tokens that carry loss."""
    prompt_ids: tuple[int, ...] | None = None
    completion_ids: tuple[int, ...] | None = None


class Seen(Record):
    """A row as the trainer sees it."""

    row: Outcome
    says: str
    """What became of it."""
    examples: tuple[Example, ...]


def seen(version: Path, row_id: str, *, ids: bool = False) -> Seen:
    """Return the examples of a row, or the one whose id was given; rendered now if they were not published.

    Args:
        version: the version's folder.
        row_id: id of a row or an example; the first digits are enough.
        ids: whether to say the token ids, too, prompt and completion encoded apart as for training.

    Raises:
        NotFound: if no row or several match, or the row is none that could be trained on.
    """
    rows = Rows(version)
    found = by_id(rows, row_id)
    wanted = row_id.partition("-")[2].partition("#")[0]
    outcomes = outcomes_of(rows.outcomes.filter(id=found).sort("source", "file", "row").collect())
    outcome = next((outcome for outcome in outcomes if outcome.reason is None), outcomes[0])
    examples = [example for example in _published(rows, found) if wanted in ("", str(example.turn))]
    if not examples:
        examples = _rendered(rows, outcome, wanted)
    return Seen(
        row=outcome,
        says=sentence(outcome),
        examples=tuple(map(_with_ids, examples) if ids else examples),
    )


def _published(rows: Rows, row_id: str) -> Iterator[Example]:
    mine = rows.examples.filter(conversation_id=row_id).sort("turn", "id")
    columns = [name for name in Example.model_fields if not name.endswith("ids") and name != "copies"]
    found = mine.select(columns).group_by("turn", maintain_order=True)
    together = found.agg(pl.exclude("turn").first(), copies=pl.len()).collect()
    for row in together.to_dicts():
        yield Example(**{**row, "id": row["id"].partition("#")[0]})


def _rendered(rows: Rows, outcome: Outcome, wanted: str) -> list[Example]:
    """Return the examples of a valid row as they would be, or that of the wanted turn.

    Raises:
        NotFound: if the row was not valid, lies nowhere any more, or the template cannot express it.
    """
    said = rows.said([outcome.id]).get(outcome.id)
    if said is None:
        msg = f"row {outcome.id}: {sentence(outcome)}; a trainer would see nothing of it"
        raise NotFound(msg if outcome.stage == VALIDATE else f"{msg}, and its file is not there any more")
    turns = [turn for turn in would_be(rows, outcome, said) if wanted in ("", str(turn.turn))]
    if not turns:
        msg = (
            f"row {outcome.id} has no example for turn {wanted}"
            if wanted
            else f"row {outcome.id}: {sentence(outcome)}"
        )
        raise NotFound(f"{msg}; a trainer would see nothing of it")
    examples = [turn for turn in turns if isinstance(turn, Example)]
    if not examples:
        why = next(turn.why for turn in turns if isinstance(turn, ModeUnsupported))
        msg = f"row {outcome.id}: {why}"
        raise NotFound(msg)
    return examples


def would_be(rows: Rows, outcome: Outcome, said: Said) -> list[Example | ModeUnsupported]:
    """Return the examples that a valid row has, rendered and counted now, or why the template lacks them."""
    source = rows.source(outcome.source)
    turns = training_turns(
        said.messages,
        said.tools,
        family=rows.recipe.family,
        turns=learned_turns(said.messages, source).turns,
        soft_switch=source.soft_switch == "train",
    )
    found: list[Example | ModeUnsupported] = []
    for turn in turns:
        if isinstance(turn, ModeUnsupported):
            found.append(turn)
            continue
        prompt_tokens, completion_tokens = count_tokens([turn.prompt, turn.completion]).tolist()
        found.append(
            Example(
                id=f"{outcome.id}-{turn.turn}",
                split=None,
                copies=0,
                turn=turn.turn,
                thinking=turn.thinking,
                prompt=turn.prompt,
                completion=turn.completion,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
            )
        )
    return found


def _with_ids(example: Example) -> Example:
    ids = {"prompt_ids": tuple(encode(example.prompt)), "completion_ids": tuple(encode(example.completion))}
    return example.model_copy(update=ids)
