"""Why a row is where it is: every stage's verdict, and the rows that it was compared with."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from thinkmix.curation.audit.overlap import explain_pair
from thinkmix.curation.audit.worddiff import Highlight, WordDiff, word_diff
from thinkmix.curation.rules.known import why
from thinkmix.curation.sample import mix, render
from thinkmix.curation.text.shingles import shingle_hashes
from thinkmix.flows.inspect.examples import would_be
from thinkmix.flows.inspect.lookup import Found, by_id, by_text
from thinkmix.flows.inspect.rows import VALIDATE, Outcome, Rows, Said, StageVerdict, outcomes_of, spoken
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import Record
from thinkmix.templates.chat.turns import ModeUnsupported

_MATES = 20
_BESIDE = 3
_STAGES = (VALIDATE, "dedup", render.STAGE, mix.STAGE)


class Comparison(Record):
    """A dropped row beside the row that stayed instead of it."""

    text: str
    winner_text: str
    jaccard: float
    shared: tuple[str, ...]
    """Passages of the row's text that the winner has, too."""


class Beside(Record):
    """The compared text of the row beside that of another one, or beside the text that was asked for."""

    id: str | None
    """The other row; unset for the text that was asked for."""
    relation: Literal["winner", "mate", "asked"]
    jaccard: float
    text: str
    """Of the row that is explained, in Unicode form NFC."""
    other: str
    text_only: tuple[Highlight, ...]
    """Where in `text` words stand that `other` does not have in this order."""
    other_only: tuple[Highlight, ...]
    whole: bool
    """Whether both texts are shown to their ends."""

    def diff(self) -> WordDiff:
        """Return the two texts as they were compared."""
        return WordDiff(self.text, self.other, self.text_only, self.other_only, self.whole)


class Repaired(Record):
    """One stretch of a text of the row that a repair replaced."""

    repair: str
    message: int
    """Which turn, counted from 0 as the row writes them."""
    kind: str
    """Whose text it is: a role, or `trace`."""
    start: int
    """Character at which it begins in the text as the repair leaves it."""
    before: str
    after: str


class Explanation(Record):
    """All that a version knows of a row id. Exact duplicates share an id, so there may be several rows."""

    rows: tuple[Outcome, ...]
    mates: tuple[Outcome, ...]
    """Other rows of the same cluster of near-duplicates, at most 20."""
    comparison: Comparison | None
    text: str | None
    """What the row says, where the version, its sources' files or the store's cache still hold it."""
    found: str = "by its id"
    """How the row was found."""
    others: tuple[Outcome, ...] = ()
    """Other rows that match the text that was asked for, at most 20."""
    beside: tuple[Beside, ...] = ()
    """The winner first, then other rows of the cluster whose text differs."""
    repaired: tuple[Repaired, ...] = ()
    """What was repaired in it, if its raw row still lies where it was read."""
    was: str | None = None
    """A repaired row as it was, as JSON text."""


def explain(version: Path, row_id: str) -> Explanation:
    """Return why the rows with this id, or with an id that starts so, are where they are.

    Raises:
        NotFound: if no row or more than one id matches.
    """
    rows = Rows(version)
    return _explained(rows, Found((by_id(rows, row_id),), "by its id", exact=True), asked=None)


def explain_text(version: Path, text: str) -> Explanation:
    """Return why the row that holds a text is where it is, or the row that is nearest to the text.

    Raises:
        NotFound: if no row matches.
    """
    rows = Rows(version)
    return _explained(rows, by_text(rows, text), asked=text.strip())


def _explained(rows: Rows, found: Found, *, asked: str | None) -> Explanation:
    row_id = found.ids[0]
    known = pl.col("id").is_in(found.ids)
    outcomes = {outcome.id: outcome for outcome in reversed(_outcomes(rows, known))}
    mine = _outcomes(rows, pl.col("id") == row_id)
    mates = _mates(rows, mine[0])
    lost = next((outcome for outcome in mine if outcome.winner), None)
    ids = {row_id, *(mate.id for mate in mates[:_BESIDE]), *([lost.winner] if lost and lost.winner else [])}
    said = rows.said(ids)
    texts = {
        outcome.id: rows.compared(outcome, said[outcome.id].messages)
        for outcome in (*mine, *mates, *_winner(rows, lost))
        if outcome.id in said
    }
    return Explanation(
        rows=tuple(
            outcome.model_copy(update={"stages": tuple(_stages(rows, outcome, said.get(row_id)))})
            for outcome in mine
        ),
        mates=mates,
        comparison=_compare(rows, lost, texts),
        text=_shown(rows, row_id, said),
        repaired=tuple(
            Repaired(**patch._asdict()) for patch in (said[row_id].patches if row_id in said else ())
        ),
        was=(said[row_id].raw or None) if row_id in said else None,
        found=found.how,
        others=tuple(outcomes[other] for other in found.ids[1:]),
        beside=tuple(_beside(rows, mine[0], lost, texts, None if found.exact else asked)),
    )


def _outcomes(rows: Rows, wanted: pl.Expr) -> tuple[Outcome, ...]:
    return outcomes_of(rows.outcomes.filter(wanted).sort("source", "file", "row").collect())


def _mates(rows: Rows, outcome: Outcome) -> tuple[Outcome, ...]:
    if outcome.cluster is None:
        return ()
    mates = rows.outcomes.filter((pl.col("cluster") == outcome.cluster) & (pl.col("id") != outcome.id))
    return outcomes_of(mates.sort("source", "file", "row").head(_MATES).collect())


def _winner(rows: Rows, lost: Outcome | None) -> tuple[Outcome, ...]:
    return _outcomes(rows, pl.col("id") == lost.winner)[:1] if lost else ()


def _compare(rows: Rows, lost: Outcome | None, texts: Mapping[str, str]) -> Comparison | None:
    if lost is None or lost.winner is None or not {lost.id, lost.winner} <= texts.keys():
        return None
    text, winner_text = texts[lost.id], texts[lost.winner]
    overlap = explain_pair(text, winner_text, shingle=rows.recipe.dedup.shingle)
    return Comparison(text=text, winner_text=winner_text, jaccard=overlap.jaccard, shared=overlap.shared)


def _beside(
    rows: Rows, outcome: Outcome, lost: Outcome | None, texts: Mapping[str, str], asked: str | None
) -> Iterator[Beside]:
    """Yield the row beside others, each other text once."""
    text = texts.get(outcome.id)
    if text is None:
        return
    winner = lost.winner if lost else None
    others = sorted((other != winner, other) for other in texts if other != outcome.id)
    listed: list[tuple[str | None, str]] = [(other, texts[other]) for _, other in others]
    if asked is not None:
        listed.insert(0, (None, asked))
    seen = {text}
    alike = _jaccards(text, [words for _, words in listed], rows.recipe.dedup.shingle)
    for (other, words), jaccard in zip(listed, alike, strict=True):
        if words in seen and other != winner:
            continue
        seen.add(words)
        diff = word_diff(text, words)
        yield Beside(
            id=other,
            relation="asked" if other is None else "winner" if other == winner else "mate",
            jaccard=jaccard,
            text=diff.left,
            other=diff.right,
            text_only=diff.left_only,
            other_only=diff.right_only,
            whole=diff.whole,
        )


def _jaccards(text: str, others: Sequence[str], shingle: int) -> list[float]:
    """Return how alike a text is to others, as the duplicate search computes it."""
    hashes, offsets = shingle_hashes(pl.Series([text, *others]), shingle=shingle)
    mine, *sets = (hashes[start:end] for start, end in pairwise(offsets))
    shared = [len(np.intersect1d(mine, found, assume_unique=True)) for found in sets]
    return [both / max(1, len(mine) + len(found) - both) for both, found in zip(shared, sets, strict=True)]


def _shown(rows: Rows, row_id: str, said: Mapping[str, Said]) -> str | None:
    if row_id in said:
        return spoken(said[row_id].messages)
    content = rows.contents([row_id]).get(row_id)
    return content[1] if content else None


def _stages(rows: Rows, outcome: Outcome, said: Said | None) -> Iterator[StageVerdict]:
    """Yield the verdict of every stage, with what it rests on."""
    says = {
        VALIDATE: lambda: _valid(outcome),
        "dedup": lambda: _survived(rows, outcome),
        render.STAGE: lambda: _rendered(rows, outcome, said),
        mix.STAGE: lambda: _sampled(rows, outcome),
    }
    over = {count.stage for count in rows.manifest.ledger.stages}  # of a failed run not all
    reached = True
    for stage in _STAGES:
        reached = reached and stage in over
        if outcome.stage == stage:
            yield StageVerdict(stage=stage, verdict="dropped", says=_why(rows, outcome, said))
            reached = False
        elif reached:
            yield StageVerdict(stage=stage, verdict="passed", says=says[stage]())
        else:
            yield StageVerdict(stage=stage, verdict="not reached", says="")


def _why(rows: Rows, outcome: Outcome, said: Said | None) -> str:
    """Return why a row was dropped: the rule in words, and what it was applied to."""
    reason = why(outcome.reason or "", rows.own)
    words = f"{reason.value}: {reason.sentence}"
    if outcome.detail:
        words += f" ({outcome.detail})"
    if outcome.winner and reason.value != Reason.EXACT_DUP:
        words += (
            f"; {outcome.winner} stays, Jaccard {outcome.similarity or 0:.3f}, in cluster {outcome.cluster}"
        )
    if outcome.stage == render.STAGE:
        words += f"; {_rendered(rows, outcome, said)}"
    if outcome.stage == mix.STAGE:
        words += f"; {_share(rows, outcome)}"
    return words


def _valid(outcome: Outcome) -> str:
    found = f"flagged {'; '.join(map(str, outcome.checks))}" if outcome.checks else "nothing wrong"
    return f"{outcome.messages} turns, {outcome.text_bytes:,} bytes of text, {found}"


def _survived(rows: Rows, outcome: Outcome) -> str:
    size = 1
    if outcome.cluster is not None:
        size = rows.outcomes.filter(cluster=outcome.cluster).select(pl.len()).collect().item()
    if size == 1:
        return "no other row is alike"
    return f"stays, of {size} rows that are alike, cluster {outcome.cluster}"


def _rendered(rows: Rows, outcome: Outcome, said: Said | None) -> str:
    """Return how many tokens the examples have: as published, or counted now if they are not."""
    words = _examples(outcome.examples)
    sampled = (
        rows.examples.filter(conversation_id=outcome.id).sort("turn").unique("turn", maintain_order=True)
    )
    sizes = (
        sampled.select("turn", "prompt_tokens", "completion_tokens").collect().rows()
        if outcome.sampled
        else []
    )
    lacking = []
    if not sizes and said:
        for turn in would_be(rows, outcome, said):
            if isinstance(turn, ModeUnsupported):
                lacking.append(turn.why)
            else:
                sizes.append((turn.turn, turn.prompt_tokens, turn.completion_tokens))
        words = f"{_examples(len(sizes))}, counted now" if sizes else words
    told = "; ".join(f"turn {turn}: {prompt:,} + {answer:,} tokens" for turn, prompt, answer in sizes)
    return "; ".join([words, *([f"{told} (prompt + completion)"] if told else []), *lacking])


def _sampled(rows: Rows, outcome: Outcome) -> str:
    """Return where a row's examples are, and how often."""
    mine = rows.examples.filter(conversation_id=outcome.id)
    found = mine.group_by("split", "turn").len().sort("split", "turn").collect().rows()
    told = "; ".join(
        f"turn {turn} in {split}{f', {copies} times' if copies > 1 else ''}" for split, turn, copies in found
    )
    return f"{outcome.sampled} of {_examples(outcome.examples)} sampled: {told}"


def _share(rows: Rows, outcome: Outcome) -> str:
    """Return how far the shares of a row's source reached without it."""
    shares = [share for share in rows.manifest.shares if share.source == outcome.source]
    return ", ".join(
        f"{share.split} has {share.examples:,} of {share.available:,} examples of {share.source}"
        for share in shares
    )


def _examples(number: int) -> str:
    return "1 example" if number == 1 else f"{number:,} examples"
