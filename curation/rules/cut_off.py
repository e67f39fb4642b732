"""The rule on texts that stop in the middle: of a sentence, a formula, a tag or a block of code."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    import polars as pl

    from thinkmix.curation.rules.turns import Part, TurnTable

_TAIL = 600  # characters at the end of a text in which its last sentence is looked for
_BEFORE = 3_000  # characters at the end of a text in which ends of sentences are counted
_OPEN_WORDS, _LONG_WORDS, _ENDS = 5, 10, 6
_LONG = 4_000  # bytes, about 1,000 tokens: a text that ran into a limit is seldom shorter
_FENCE = r"(?m)^[ \t]*```[^\n`]*$"
_LAST_FENCE = r"(?s)^((?:.*\n)?)[ \t]*```[^\n`]*[^\s`][^\n`]*(?:\n[^`]*)?$"
"""A fence with the name of a language, and no other after it: one without may close what nothing opened."""
_FORMULA = r"\\(?:boxed|[dt]?frac|text|sqrt|left|right)(?:\{[^{}\n]*)?$"
_MARK = (
    r" \(\p{L}[^()\n]*\p{L}$|（[^（）()\n]*[\p{L}\p{N}]$|“[^”\"\n]*[\p{L}\p{N},]$"
    r"|(?:^|[ \n])\*\*\p{L}[\p{L} ]*$"
)
"""A bracket, a quotation mark or bold type that nothing closes."""
_COMMA = r"[\p{L}\p{N})\"”][,，、]$"
_WORD = r"[ (][a-z’'-]*[a-z]$"
_GOES_ON = (
    r"(?:^|[ (“\"'])(?:the|an?|of|and|or|to|for|with|in|on|at|by|from|that|which|is|are|was|were|be|has|have"
    r"|can|will|would|should|if|because|as|than|their|its|your|our|my|these|into|about|between|but"
    r"|while|when|where|so|not|such|they|For|While|The|If|But|And|Since)$"
)
"""Words after which a sentence goes on."""
_CODE = r"[={}<>;_/|]"
_ITEM = r"^\s*(?:[-*•+#>|]|\d+[.)、]|[A-Za-z][.)])"
_END = r"[.!?…][\"'”’)\]*]*\s|[。！？…]"


class CutOff(Rule):
    """Whether an answer, or a trace, stops in the middle: what wrote it ran into its limit of tokens.

    A text is cut off if it ends in a comma; in a word after which a sentence goes on (`the`, `because`); in
    an English word at the end of ten or more that have no full stop, in a text of 4,000 bytes and more where
    six sentences before had one; in brackets, quotation marks or bold type that are open; in a LaTeX command
    whose brace is open; in a block of code whose fence is open; or if it opens `<answer>` and does not close
    it. Items of lists and lines of code have no full stop, and neither have most short answers in chats:
    these are not found, and so most cuts in the middle of a word are not. The value is the characters of the
    unfinished piece, and it is the evidence. A trace that no `</think>` closes is not valid in the first
    place (`think_unclosed`).
    """

    name: ClassVar[str] = "cut_off"
    sentence: ClassVar[str] = "an answer or its trace stops in the middle of a sentence, a formula or code"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with a text of the assistant that stops in the middle, by the last one."""
        last: dict[int, Verdict] = {}
        for turn, part, row, start, piece in sorted(_pieces(turns)):
            evidence = Evidence.at(turns, turn, part, start, start + len(piece.encode()))
            last[row] = Verdict(row, float(len(piece)), evidence)
        return [last[row] for row in sorted(last)]


def _pieces(turns: "TurnTable") -> Iterator[tuple[int, "Part", int, int, str]]:
    """Yield turn, part and row of the texts that stop in the middle, the byte at which their piece begins."""
    import polars as pl  # noqa: PLC0415 - recipes are read by commands that judge nothing

    from thinkmix.curation.rules.turns import PARTS  # noqa: PLC0415

    text, tail, last = pl.col("text"), pl.col("tail"), pl.col("last")
    ends = f"{_FORMULA}|{_MARK}|{_COMMA}|{_WORD}"
    blocks = text.str.contains("```", literal=True) | text.str.contains("<answer>", literal=True)
    for part in PARTS:
        found = (
            pl.DataFrame({"row": turns.row, "text": turns.column(part)})
            .with_row_index("turn")
            .filter(pl.Series(turns.said_by("assistant")))
            .with_columns(text.str.strip_chars_end())
            .with_columns(tail=text.str.tail(_TAIL))
            .filter(~tail.str.contains(r"[.!?>。！？]$") | blocks)  # most texts end so; it spares the rest
            .filter(tail.str.contains(ends) | blocks)
            .with_columns(line=tail.str.extract(r"([^\n]*)$"))
            .with_columns(last=pl.col("line").str.replace(f"^.*(?:{_END})", "").str.strip_chars_start())
            .with_columns(
                start=pl.coalesce(
                    _open_fence(),
                    _open_tag(),
                    pl.when(_is_open()).then(text.str.len_bytes() - last.str.len_bytes()),
                )
            )
            .drop_nulls("start")
        )
        for turn, row, said, start in found.select("turn", "row", "text", "start").iter_rows():
            yield turn, part, row, start, said.encode()[start:].decode()


def _open_fence() -> "pl.Expr":
    """Return the byte at which a block of code begins that does not end; null if every block ends."""
    import polars as pl  # noqa: PLC0415

    text = pl.col("text")
    return pl.when(text.str.count_matches(_FENCE) % 2 == 1).then(
        text.str.extract(_LAST_FENCE).str.len_bytes()
    )


def _open_tag() -> "pl.Expr":
    """Return the byte at which an `<answer>` begins that nothing closes, neither tag nor LaTeX."""
    import polars as pl  # noqa: PLC0415

    text = pl.col("text")
    closed = text.str.extract("(?s)^.*<answer>(.*)$").str.contains("answer", literal=True)
    return pl.when(~closed).then(text.str.extract("(?s)^(.*)<answer>").str.len_bytes())


def _is_open() -> "pl.Expr":
    """Return whether the last sentence of a text goes on where the text ends."""
    import polars as pl  # noqa: PLC0415

    text, tail, line, last = (pl.col(name) for name in ("text", "tail", "line", "last"))
    words = last.str.count_matches(r"\S+")
    goes_on = (words >= _OPEN_WORDS) & last.str.contains(_GOES_ON)
    before = text.str.tail(_BEFORE).str.count_matches(_END)
    is_long = (
        (text.str.len_bytes() >= _LONG)
        & (words >= _LONG_WORDS)
        & last.str.contains(_WORD)
        & (before >= _ENDS)
    )
    item = line.str.contains(_ITEM) & (line.str.len_chars() < _TAIL)  # else its beginning is not seen
    no_stop = last.str.contains(_COMMA) | tail.str.contains(_MARK) | goes_on | (is_long & ~item)
    return tail.str.contains(_FORMULA) | (no_stop & ~last.str.contains(_CODE))
