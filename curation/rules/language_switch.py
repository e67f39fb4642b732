"""The rule on traces that switch language: words of another script stand among those of the question."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import Part, TurnTable

_FOREIGN = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Cyrillic}\p{Hebrew}\p{Arabic}\p{Devanagari}\p{Bengali}"
    r"\p{Tamil}\p{Thai}\p{Georgian}]"
)
_CJK = r"[\p{Han}\p{Hiragana}\p{Katakana}]"
_ENGLISH = "(?:[A-Za-z’'-]+,? ){7}[A-Za-z]"
_OF_LANGUAGES = (
    "chinese|mandarin|cantonese|japanese|korean|russian|arabic|hebrew|hindi|thai|translat|pinyin|kanji|english"
    "|language|homophone|中文|汉语|英文|英语|日语|韩语|俄语|翻译|语言"
)
"""Words of a sentence, or of a question, that speaks of languages."""


class LanguageSwitch(Rule):
    """How many sentences of a trace hold words of a script that its question does not have.

    The value is their number, and the evidence the first of these words. An answer without a trace is judged
    as if it were one: solutions are often published without tags. Code, LaTeX, quoted words and sentences
    that speak of a language (`in Chinese`) are left out, and so are rows whose question does. In a trace of
    Chinese or Japanese a sentence with eight English words in a row counts, because single words may be
    terms; in an answer it does not. Languages that share a script are not told apart, and a trace that is all
    in another language than its question switches nowhere.
    """

    name: ClassVar[str] = "language_switch"
    sentence: ClassVar[str] = "its trace, or an answer without one, switches between languages"

    at_least: int = Field(default=1, ge=1, le=1_000_000)
    """Rows with fewer such sentences are not found."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with a text that switches so often, by the one that does most often."""
        from thinkmix.curation.text.switches import scripts_of, switches  # noqa: PLC0415 - see `Rule`

        most: dict[int, Verdict] = {}
        for turn, row, part, question in _suspects(turns):
            if _speaks_of_languages(question):
                continue
            text = turns.text(turn, part)
            found = [
                one
                for one in switches(text, scripts_of(question.encode()), english=part == "reasoning")
                if not _speaks_of_languages(text[one.start : one.end].decode())
            ]
            if len(found) >= max(self.at_least, int(most[row].value) + 1 if row in most else 0):
                evidence = Evidence.at(turns, turn, part, found[0].found, found[0].found_end)
                most[row] = Verdict(row, float(len(found)), evidence)
        return [most[row] for row in sorted(most)]


def _speaks_of_languages(text: str) -> bool:
    said = text.lower()
    return any(word in said for word in _OF_LANGUAGES.split("|"))


def _suspects(turns: "TurnTable") -> Iterator[tuple[int, int, "Part", str]]:
    """Yield turn, row, part and question of texts that have a script which their question may not have."""
    import polars as pl  # noqa: PLC0415 - recipes are read by commands that judge nothing

    text, question = pl.col("text"), pl.col("question")
    said, thought = turns.column("content"), turns.column("reasoning")
    answers = pl.Series(turns.said_by("assistant") & ~turns.reasoning.filled)
    asked = pl.DataFrame({"row": turns.row, "said": said, "user": turns.said_by("user")}).select(
        question=pl.when("user").then("said").forward_fill().over("row").fill_null("")
    )
    answer = said.zip_with(answers, pl.Series([None], dtype=pl.String))
    parts: tuple[tuple[Part, pl.Series, pl.Expr], ...] = (
        ("reasoning", thought, text.str.contains(_ENGLISH)),
        ("content", answer, pl.lit(value=False)),
    )
    for part, texts, english in parts:
        rows = (
            pl.DataFrame({"row": turns.row, "text": texts, "question": asked["question"]})
            .with_row_index("turn")
            .filter(text.str.contains(_FOREIGN))
            .filter(~question.str.contains(_CJK) | english)
        )
        for turn, row, of in rows.select("turn", "row", "question").iter_rows():
            yield turn, row, part, of
