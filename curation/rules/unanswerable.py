"""The rule on word problems that cannot be answered: they ask about something that they never mention."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    import polars as pl

    from thinkmix.curation.rules.turns import TurnTable

_ASKS = r"(How (?:many|much) [^?$\\0-9]{3,200}\?)\s*$"
"""The question at the end of a problem: without numbers of its own, which would state something."""

_SAYS_NOTHING = frozenset(
    """
    able after all altogether and any are back been before being both bought buy can cent cents change come
    cost costs could day days did does dollar dollars each earn earnings else end ended euro euros
    everything expect fewer for from gave get gets give given goes gone got had has have having her hers his
    hour hours how income into its left less long lost made make makes many minutes money month months more
    most much must need needed needs now off one ones only order other our out over owe paid pay pays people
    per percent person pound pounds price profit put receive received remain remaining remains save saved
    saving savings sell sells she should sold some spend spending spends spent still sum take taken takes
    tax than that the their them then there these they thing things this those time too took total two under
    use used was week weeks were what when which who will win with work worth would year years yen you your
    """.split()  # noqa: SIM905 - a list of literals takes a line each
)
"""Words of a question that stand for nothing that the problem must have mentioned."""

_ENDINGS = ("ing", "ies", "es", "ed", "er", "s", "y")
_LEAST_WORDS = 6


class Unanswerable(Rule):
    """Whether a word problem ends in `How many …?` or `How much …?` about things that it never mentions.

    So do benchmark questions whose story or premise was exchanged: `Jake has 5 fewer peaches than
    Steven. How many cakes would the baker still have?`. English alone is judged, and problems whose story has
    a number. The value is the number of words of the question that the story lacks, which are all that say
    something. What was left out of a story that still speaks of the same things is not found here: such
    copies of a benchmark are flagged by `decontaminate`.
    """

    name: ClassVar[str] = "unanswerable"
    sentence: ClassVar[str] = "it asks how many or how much of something that its problem never mentions"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with one question, which asks about nothing that stands before it."""
        import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing
        import polars as pl  # noqa: PLC0415

        asking = turns.said_by("user")
        single = np.bincount(turns.row[asking], minlength=turns.rows) == 1
        content = pl.col("text")
        asked = (
            pl.DataFrame({"row": turns.row, "text": turns.column("content"), "asking": asking})
            .with_row_index("turn")
            .filter("asking")
            .filter(pl.col("row").is_in(np.flatnonzero(single)))
            .with_columns(question=content.str.extract(_ASKS))
            .filter(pl.col("question").is_not_null())
            .with_columns(start=content.str.len_bytes() - _after(content, pl.col("question")))
            .with_columns(story=content.str.strip_chars_end().str.strip_suffix(pl.col("question")))
            .filter(pl.col("story").str.contains(r"[0-9]"))
            .with_columns(
                *(
                    pl.col(name).str.to_lowercase().str.extract_all(r"[a-z]{3,}").alias(f"{name}_words")
                    for name in ("question", "story")
                )
            )
        )
        found = []
        for row, turn, question, start, words, story in asked.select(
            "row", "turn", "question", "start", "question_words", "story_words"
        ).iter_rows():
            asked_for = {_stem(word) for word in words if word not in _SAYS_NOTHING}
            told = {_stem(word) for word in story}
            if asked_for and len(story) >= _LEAST_WORDS and not any(_meets(word, told) for word in asked_for):
                end = start + len(question.encode())
                found.append(
                    Verdict(row, float(len(asked_for)), Evidence.at(turns, turn, "content", start, end))
                )
        return found


def _after(content: "pl.Expr", question: "pl.Expr") -> "pl.Expr":
    """Return the bytes from the question on: it ends the text, but for white space."""
    blank = content.str.len_bytes() - content.str.strip_chars_end().str.len_bytes()
    return question.str.len_bytes() + blank


def _stem(word: str) -> str:
    """Return a word without the ending of its form: `boxes` and `box` are one word."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _meets(word: str, told: set[str]) -> bool:
    """Return whether the story has a word, or one that begins as it does."""
    return word in told or any(
        word.startswith(other) or other.startswith(word) for other in told if len(other) > 3
    )
