"""What is planted in the sample, how often, and in which rows.

The counts hold for a recipe with `max_solutions_per_problem: 4` and `thinking: required` for the
source `math`, `thinking: forbidden` for `tools`, `max_tokens: 4096`, and priorities in the order
math, chat, tools. Every planted row has exactly one fault.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from thinkmix.schemas.reasons import Reason
from tools.generate import clean, faults, forms
from tools.generate.clean import Row, first_question
from tools.generate.novel import Gate, chinese_share, has_chinese, jaccard, views
from tools.generate.sampler import Sampler
from tools.generate.traces import Problem

CLEAN_CHATS, CLEAN_PROBLEMS, CLEAN_TOOL_CHATS, PROCEDURES = 3000, 800, 180, 60
CAP = 4

_BESIDE_THE_TEXT = (Reason.TOO_DEEP, Reason.WEIGHT_FRACTIONAL, Reason.ALL_CONTEXT)
"""Faults in keys that turns of the hub's parquet schema do not have."""


class Entry(NamedTuple):
    """One row of a source, or one line that is not a row; entries of one group share a fate."""

    row: Row | str
    group: str = ""


class Group(NamedTuple):
    """`rows` of the rows of this group leave their source for `reason`; the others stay."""

    source: str
    reason: Reason
    rows: int


@dataclass
class Sample:
    """All rows of the sample and what is planted among them."""

    entries: dict[str, list[Entry]] = field(default_factory=lambda: {"chat": [], "math": [], "tools": []})
    groups: dict[str, Group] = field(default_factory=dict)

    def keep(self, source: str, rows: Sequence[Row]) -> None:
        """Add rows without fault."""
        self.entries[source] += [Entry(row) for row in rows]

    def plant(self, source: str, reason: Reason, *rows: Row | str, count: int = 1) -> None:
        """Add a group of rows; `count` of them leave for `reason`."""
        name = f"{source}-{reason}-{len(self.groups)}"
        self.groups[name] = Group(source, reason, count)
        self.entries[source] += [Entry(row, name) for row in rows]

    def replace_with_group(self, source: str, row: Row, reason: Reason, *copies: Row, stay: int = 0) -> None:
        """Plant copies of a row that is already there, which joins their group; `stay` of them stay."""
        self.entries[source].remove(Entry(row))
        self.plant(source, reason, row, *copies, count=len(copies) - stay)


def build_sample() -> Sample:
    """Return the whole sample; the order of rows is that of making, not yet of the files."""
    sample, gate = Sample(), Gate()
    problems, chats, tools = clean.problems(gate), clean.chats(gate), clean.tool_chats(gate)
    solved = _clean_math(sample, problems)
    good = list(islice(chats, CLEAN_CHATS))
    sample.keep("chat", good)
    calm = list(islice(tools, CLEAN_TOOL_CHATS))
    sample.keep("tools", calm)
    _dirty_math(sample, problems)
    _dirty_chat(sample, chats)
    _dirty_tools(sample, tools)
    _odd_tools(sample, tools)
    _beside_text(sample, tools)
    _long(sample, gate)
    _chat_duplicates(sample, good)
    _across(sample, good, solved)
    sample.keep("tools", list(islice(clean.procedures(gate), PROCEDURES)))
    return sample


Solved = list[tuple[Problem, list[Row]]]


def _clean_math(sample: Sample, problems: Iterator[tuple[int, Problem]]) -> Solved:
    """Add problems with one to six solutions each; what is above the cap is planted."""
    solved = []
    for index, problem in islice(problems, CLEAN_PROBLEMS):
        number = Sampler("how many", index).choice([1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 6])
        rows = clean.solutions(index, problem, number)
        solved.append((problem, rows))
        if number > CAP:
            rows = _reworded(rows) if len(sample.groups) % 10 == 0 else rows
            sample.plant("math", Reason.SOLUTION_CAP, *rows, count=number - CAP)
        else:
            sample.keep("math", rows)
    return solved


def _reworded(rows: list[Row]) -> list[Row]:
    """Let the last row state the same problem with a small edit, where the problem is long enough for one."""
    edited = near(rows[0]["problem"], 0)
    return [*rows[:-1], {**rows[-1], "problem": edited}] if edited else rows


def near(question: str, turn: int) -> str | None:
    """Return a small edit with a Jaccard similarity of at least 0.88 by all measures, or None.

    Questions that mix scripts have none: how they are compared is a matter of taste.
    """
    chinese = chinese_share(question)
    if 0 < chinese < 0.5:
        return None
    edits = faults.EDITS_ZH if chinese else faults.EDITS
    for shift in range(len(edits)):
        edited = edits[(turn + shift) % len(edits)](question)
        both = list(zip(views(question), views(edited), strict=True))
        if chinese:
            both = both[-2:]
        if edited != question and all(jaccard(one, other) >= 0.88 for one, other in both):
            return edited
    return None


def _dirty_math(sample: Sample, problems: Iterator[tuple[int, Problem]]) -> None:
    def fresh() -> Row:
        return clean.solutions(*next(problems), 1)[0]

    for reason, pieces in faults.TEXT_FAULTS.items():
        for at, piece in enumerate(pieces):
            row = fresh()
            trace, rest = faults.split(row["generated_solution"])
            spoiled = f"<think>\n{faults.inside(trace, piece)}\n</think>\n\n{rest}"
            asked = faults.inside(row["problem"], piece)
            change = {"generated_solution": spoiled} if at % 2 else {"problem": asked}
            sample.plant("math", reason, {**row, **change})
    for reason, ways in faults.THINK_FAULTS.items():
        for way in ways * 3:
            row = fresh()
            text = way(*faults.split(row["generated_solution"]))
            sample.plant("math", reason, {**row, "generated_solution": text})
    for column in ("problem", "problem", "generated_solution", "generated_solution", "generated_solution"):
        sample.plant("math", Reason.WRONG_TYPE, {**fresh(), column: None})
    for text in ("", "  \n"):
        sample.plant("math", Reason.EMPTY_TURN, {**fresh(), "problem": text})
    for column in ("problem", "generated_solution"):
        row = fresh()
        sample.plant("math", Reason.TOO_BIG, {**row, column: faults.overlong(row[column])})
    for copies in (1, 1, 1, 2, 3, 1, 1, 2):
        row = fresh()
        sample.plant("math", Reason.EXACT_DUP, *[row] * (copies + 1), count=copies)


def _dirty_chat(sample: Sample, chats: Iterator[Row]) -> None:
    for reason, ways in faults.TURN_FAULTS.items():
        if reason not in _BESIDE_THE_TEXT:
            for way in ways * 2:
                row = next(chats)
                sample.plant("chat", reason, {**row, "conversations": way(row["conversations"])})
    sample.plant("chat", Reason.WRONG_TYPE, {**next(chats), "conversations": None})
    _text_faults(sample, "chat", chats)
    for reason, changes in faults.THINK_FAULTS.items():
        if reason is not Reason.THINK_MISSING:
            for change in changes:
                row = next(chats)
                text = change(*faults.split(row["conversations"][-1]["value"]))
                sample.plant("chat", reason, _answer(row, text))
    for _ in range(3):
        row = next(chats)
        sample.plant("chat", Reason.TOO_BIG, _answer(row, faults.overlong(row["conversations"][-1]["value"])))


def _text_faults(sample: Sample, source: str, rows: Iterator[Row]) -> None:
    """Plant each bad piece once, in a question or an answer."""
    for reason, pieces in faults.TEXT_FAULTS.items():
        for at, piece in enumerate(pieces):
            row = next(rows)
            turns = [dict(turn) for turn in row["conversations"]]
            turn = turns[-1] if at % 2 else next(turn for turn in turns if turn["from"] == "human")
            turn["value"] = faults.inside(turn["value"], piece)
            sample.plant(source, reason, {**row, "conversations": turns})


def _answer(row: Row, text: str) -> Row:
    """Return the row with another last turn."""
    return {**row, "conversations": [*row["conversations"][:-1], {"from": "gpt", "value": text}]}


def _dirty_tools(sample: Sample, rows: Iterator[Row]) -> None:
    for reason, ways in faults.TURN_FAULTS.items():
        for way in ways:
            row = next(rows)
            sample.plant("tools", reason, {**row, "conversations": way(row["conversations"])})
    _text_faults(sample, "tools", rows)
    for _ in range(6):
        row = next(rows)
        sample.plant("tools", Reason.THINK_UNEXPECTED, _answer(row, _thought(row)))
    for tools in ('[{"name": "lookup"', '{"title": "lookup"}', '["lookup", "search"]', "42"):
        sample.plant("tools", Reason.TOOLS_INVALID, {**next(rows), "tools": tools})
    sample.plant("tools", Reason.TOO_DEEP, {**next(rows), "tools": f"[{faults.DEEP}]"})
    for conversations in ("human: hello", None, 7, ["hello", "hi"]):
        sample.plant("tools", Reason.WRONG_TYPE, {**next(rows), "conversations": conversations})
    sample.plant("tools", Reason.WRONG_TYPE, '["human", "hello", "gpt", "hi"]')
    lines = [json.dumps(next(rows), ensure_ascii=False) for _ in range(5)]
    for broken in (lines[0][: len(lines[0]) // 2], repr(json.loads(lines[1])), f"{lines[2][:-1]},}}"):
        sample.plant("tools", Reason.BAD_JSON, broken)
    for line, half in zip(lines[3:], ("\\ud83d", "\\udc4d"), strict=True):
        sample.plant("tools", Reason.LONE_SURROGATE, line.replace('"value": "', f'"value": "{half} ', 1))


def _odd_tools(sample: Sample, rows: Iterator[Row]) -> None:
    """Add rows without fault in the forms of other sets."""
    for form in forms.FORMS:
        sample.keep("tools", [form(next(rows))])


def _beside_text(sample: Sample, rows: Iterator[Row]) -> None:
    """Plant rows that come with what a model of text cannot see, and prompts that their owner withholds."""
    for column, value in (
        ("image", "photos/7.jpg"),
        ("images", ["a.png", "b.png"]),
        ("audio", {"path": "a"}),
    ):
        sample.plant("tools", Reason.MEDIA, {**next(rows), column: value})
    for _ in range(2):
        row = next(rows)
        turns = [
            {**turn, "value": None if turn["from"] == "human" else turn["value"]}
            for turn in row["conversations"]
        ]
        sample.plant("tools", Reason.PROMPT_WITHHELD, {**row, "conversations": turns})


def _thought(row: Row) -> str:
    text = str(row["conversations"][-1]["value"])
    return clean.thoughtful(text, chinese=has_chinese(text))


def _long(sample: Sample, gate: Gate) -> None:
    for index, problem in islice(clean.long_problems(gate), 6):
        sample.plant("math", Reason.TOO_LONG, *clean.solutions(index, problem, 1))
    for row in islice(clean.long_chats(gate), 2):
        sample.plant("chat", Reason.TOO_LONG, row)


def _chat_duplicates(sample: Sample, good: list[Row]) -> None:
    """Plant copies with a lower score, so that the first one is the better one."""
    for at, row in enumerate(good[100:1600:100]):
        copies = [{**row, "score": row["score"] - 0.01 * (copy + 1)} for copy in range(1 + at % 3 // 2)]
        sample.replace_with_group("chat", row, Reason.EXACT_DUP, *copies)
    left = ((at, row) for at, row in enumerate(good) if at % 100)
    edited = ((row, text) for at, row in left if (text := near(first_question(row), at)))
    for at, (row, text) in enumerate(islice(edited, 0, 40 * 3, 3)):
        copy = {**_question(row, text), "score": row["score"] - 0.01}
        more = [] if at % 5 else [_answer({**copy, "score": row["score"] - 0.02}, "I would rather not say.")]
        stay = sum(not _is_like(row, other) for other in more)
        sample.replace_with_group("chat", row, Reason.NEAR_DUP, copy, *more, stay=stay)


def _is_like(row: Row, other: Row) -> bool:
    """Return whether two chats are near-duplicates: by their one question, or by all that is said."""
    one, two = (_compared(chat) for chat in (row, other))
    both = list(zip(views(one), views(two), strict=True))
    return all(jaccard(left, right) >= 0.8 for left, right in (both[-2:] if has_chinese(one) else both))


def _compared(row: Row) -> str:
    turns = [turn for turn in row["conversations"] if turn["from"] != "system"]
    asked = [turn["value"] for turn in turns if turn["from"] == "human"]
    return asked[0] if len(asked) == 1 else "\n".join(turn["value"] for turn in turns)


def _question(row: Row, text: str) -> Row:
    """Return the row with another first question."""
    turns = [dict(turn) for turn in row["conversations"]]
    next(turn for turn in turns if turn["from"] == "human")["value"] = text
    return {**row, "conversations": turns}


def _across(sample: Sample, good: list[Row], solved: Solved) -> None:
    """Plant rows of a lower source that repeat a row of a higher one."""
    alone = [rows[0] for problem, rows in solved if len(rows) == 1]
    for row in alone[:3]:
        sample.plant("chat", Reason.EXACT_DUP, _as_chat(row["problem"], row["generated_solution"]))
    edits = ((row, text) for row in alone[3:] if (text := near(row["problem"], 1)))
    for row, text in islice(edits, 4):
        sample.plant("chat", Reason.NEAR_DUP, _as_chat(text, f"The answer is {row['expected_answer']}."))
    plain = [row for row in good[2000:] if "<think>" not in row["conversations"][-1]["value"]]
    for row in plain[:3]:
        sample.plant("tools", Reason.EXACT_DUP, {"conversations": row["conversations"], "tools": "[]"})
    asked = ((row, text) for row in plain[3:] if (text := near(first_question(row), 2)))
    for row, text in islice(asked, 3):
        sample.plant(
            "tools", Reason.NEAR_DUP, {"conversations": _question(row, text)["conversations"], "tools": "[]"}
        )


def _as_chat(question: str, answer: str) -> Row:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"conversations": turns, "source": "sample-homework-en", "score": 3.75}


def counts(groups: Mapping[str, Group]) -> dict[str, dict[str, int]]:
    """Return source → reason → how many rows leave for it, in the order of `Reason`."""
    found: dict[str, dict[str, int]] = {}
    for source in ("chat", "math", "tools"):
        tally = {
            reason: sum(g.rows for g in groups.values() if g[:2] == (source, reason)) for reason in Reason
        }
        found[source] = {str(reason): number for reason, number in tally.items() if number}
    return found
