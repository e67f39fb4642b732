"""The rule on answers that call a tool in words where the row has none: nobody will run the call."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_SYNTAX = (
    r"</?tool_calls>|<function=\w+>|</?function_calls?>|<invoke name=|<\|python_tag\|>"
    r"|\[/?TOOL_CALLS\]|<\|tool_calls?[_|]|<\|action_(?:start|end)\|>|✿FUNCTION✿|<｜tool▁"
    r"|\{\s*\"name\":\s*\"[\w.-]+\",\s*\"(?:arguments|parameters)\":\s*\{"
    r"|(?m:^Action: ?[\w.-]+\s*\n+Action Input:)|(?m:^(?:to=)?functions\.\w+[ (])"
)
"""What models are trained to write calls as."""
_LITERAL = r"(?:\"[^\"\n]*\"|'[^'\n]*'|-?[0-9][0-9.]*|[Tt]rue|[Ff]alse|None|null)"
_ARGUMENT = rf"(?:\w+ ?[=:] ?)?{_LITERAL}"
_ALONE = rf"^\s*\[?(?:\w+\.)*[A-Za-z_]\w*\((?:{_ARGUMENT}(?:, ?{_ARGUMENT})*)\)\]?;?\s*$"
"""An answer that is one call with literal arguments and nothing else: `weather('Tokyo')`."""
_BUILT_IN = (
    r"^\s*\[?(?:console\.\w+|(?:System\.)?out\.\w+|(?:fmt|os|sys|math|np|pd|re|time|random)\.\w+|print\w*|puts"
    r"|echo|len|range|str|int|float|list|dict|set|input|open|sum|max|min|abs|round|sorted|type|isinstance"
    r"|alert|document\.\w+|require|import|super|sleep|exit|eval|exec)\("
)
_BLOCK = r"(?s)```.*?(?:```|$)|`[^`\n]*`"
_OF_CODE = (
    "code|function|program|script|python|java|c++|sql|regex|command|print|syntax|expression|return|method"
    "|variable|output|tuple|array|```|函数|代码|程序|输出|方法|语句|表达式"
)


class ToolText(Rule):
    """Whether an answer holds the text of a tool call, in a row that has neither tools nor calls.

    A call is known by what models write it as (`[TOOL_CALLS]`, `<function=…>`, `Action:` before `Action
    Input:`, `{"name": …, "arguments": {…}}`), or by standing alone with its literal arguments
    (`weather('Tokyo')`), where the conversation is not about code. The value is the number of answers of the
    row that hold one, and the evidence the first call. Blocks of code are left out. It finds planted calls
    and nothing in the real rows that it was tried on; how often it is right elsewhere is not known, so let it
    flag, and look at what it finds.
    """

    name: ClassVar[str] = "tool_text"
    sentence: ClassVar[str] = "an answer is the text of a tool call, and the row has no tools"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows without tools that have such an answer."""
        found: dict[int, Verdict] = {}
        for turn, row, start, size in _calls(turns):
            if row in found:
                found[row] = found[row]._replace(value=found[row].value + 1)
            else:
                found[row] = Verdict(row, 1.0, Evidence.at(turns, turn, "content", start, start + size))
        return [found[row] for row in sorted(found)]


def _calls(turns: "TurnTable") -> Iterator[tuple[int, int, int, int]]:
    """Yield turn and row of the answers that hold a call, at which byte the first one stands and its size."""
    import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing
    import polars as pl  # noqa: PLC0415

    row = turns.row
    equipped = np.zeros(turns.rows, np.bool_)
    equipped[[*turns.tools, *(int(row[turn]) for turn in turns.calls)]] = True
    text, prose = pl.col("text"), pl.col("prose")
    alone = prose.str.extract(f"({_ALONE})")
    found = (
        pl.DataFrame({"row": row, "text": turns.column("content")})
        .with_row_index("turn")
        .filter(pl.Series(turns.said_by("assistant") & ~equipped[row]))
        .filter(text.str.contains(_SYNTAX) | text.str.contains(_ALONE))
        .with_columns(prose=text.str.replace_all(_BLOCK, " "))
        .with_columns(
            known=prose.str.extract(f"({_SYNTAX})"),
            alone=pl.when(~prose.str.contains(_BUILT_IN)).then(alone),
        )
        .with_columns(call=pl.coalesce("known", "alone"))
        .with_columns(start=text.str.find(pl.col("call"), literal=True), size=pl.col("call").str.len_bytes())
        .drop_nulls("start")
    )
    for turn, of, known, start, size in found.select("turn", "row", "known", "start", "size").iter_rows():
        if known is not None or not _speaks_of_code(turns, turn, of):
            yield turn, of, start, size


def _speaks_of_code(turns: "TurnTable", turn: int, row: int) -> bool:
    """Return whether what was said in the row before a turn is about code."""
    places = range(int(turns.first[row]), turn)
    said = "\n".join(turns.text(place, "content").decode() for place in places).lower()
    return any(word in said for word in _OF_CODE.split("|"))
