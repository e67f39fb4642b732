"""The rows without fault: an endless stream of chats, of problems and of tool conversations."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from tools.generate import (
    algebra,
    chance,
    code_en,
    digits,
    figures,
    integers,
    numbers_en,
    numbers_zh,
    science_en,
    toolbox,
    words_en,
    words_zh,
)
from tools.generate.novel import Gate
from tools.generate.numbers_en import Exchange
from tools.generate.phrases import NEXT, NEXT_ZH, SYSTEM, SYSTEM_ZH
from tools.generate.procedures import procedure
from tools.generate.sampler import Sampler
from tools.generate.traces import Problem, solution

Row = dict[str, Any]

ENGLISH = numbers_en.KINDS + science_en.KINDS + words_en.KINDS + code_en.KINDS
CHINESE = numbers_zh.KINDS + words_zh.KINDS
PROBLEMS = algebra.KINDS + integers.KINDS + digits.KINDS + chance.KINDS + figures.KINDS
CHINESE_PERCENT = 30


def chats(gate: Gate) -> Iterator[Row]:
    """Yield chat rows, each with a first question that the gate has not heard before."""
    for index in count():
        rng = Sampler("chat", index)
        chinese = rng.chance(CHINESE_PERCENT)
        kinds = CHINESE if chinese else ENGLISH
        kind = kinds[index % len(kinds)]
        exchanges = kind(rng)
        if not gate.admit(exchanges[0][0]):
            continue
        exchanges = exchanges[: rng.choice([1, 1, 2])]
        while len(exchanges) < 6 and rng.chance(28):
            exchanges += _new_topic(rng, chinese=chinese)
        source = f"sample-{kind.__name__.replace('_', '-')}-{'zh' if chinese else 'en'}"
        yield {
            "conversations": _turns(rng, exchanges, chinese=chinese),
            "source": source,
            "score": rng.integer(373_571, 521_262) / 100_000,
        }


def _new_topic(rng: Sampler, *, chinese: bool) -> list[Exchange]:
    question, answer = rng.choice(CHINESE if chinese else ENGLISH)(rng)[0]
    return [(rng.choice(NEXT_ZH if chinese else NEXT) + question, answer)]


def _turns(rng: Sampler, exchanges: list[Exchange], *, chinese: bool) -> list[Row]:
    """Return from/value turns; a few rows start with a system prompt or end with a thought."""
    turns = []
    if rng.chance(12):
        turns.append({"from": "system", "value": rng.choice(SYSTEM_ZH if chinese else SYSTEM)})
    for question, answer in exchanges:
        turns += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    luck = rng.integer(1, 100)
    if luck <= 3:
        turns[-1]["value"] = thoughtful(turns[-1]["value"], chinese=chinese)
    elif luck == 4:
        turns[-1]["value"] = f"<think>\n\n</think>\n\n{turns[-1]['value']}"
    return turns


def thoughtful(answer: str, *, chinese: bool) -> str:
    """Put a short trace before an answer."""
    if chinese:
        before, after = "先想清楚问题要的是什么，再逐步得出结果：", "检查无误，可以回答。"
    else:
        before, after = "What exactly is asked? I work it out first.", "That covers the question."
    return f"<think>\n{before}\n{answer}\n{after}\n</think>\n\n{answer}"


def problems(gate: Gate) -> Iterator[tuple[int, Problem]]:
    """Yield (number, problem), each problem unlike all before it."""
    for index in count():
        kind = PROBLEMS[index % len(PROBLEMS)]
        problem = kind(Sampler("math", kind.__name__, index))
        if gate.admit(problem.text):
            yield index, problem


def long_problems(gate: Gate) -> Iterator[tuple[int, Problem]]:
    """Yield problems whose honest trace is longer than a recipe with 4096 tokens allows."""
    for index in count(1_000_000):
        problem = algebra.recurrence(Sampler("long", index), low=150, high=190)
        if gate.admit(problem.text):
            yield index, problem


def long_chats(gate: Gate) -> Iterator[Row]:
    """Yield chat rows whose answer is a long but correct list."""
    for index in count():
        rng = Sampler("long chat", index)
        last, power = rng.integer(620, 700), rng.choice(["square", "cube"])
        question = (
            f"For a printed table I need every number from 1 to {last} with its {power}, one pair to a "
            "line, please."
        )
        if gate.admit(question):
            lines = [f"{n}: {n ** (2 if power == 'square' else 3)}" for n in range(1, last + 1)]
            turns = [{"from": "human", "value": question}, {"from": "gpt", "value": "\n".join(lines)}]
            yield {"conversations": turns, "source": "sample-table-en", "score": 4.0}


def tool_chats(gate: Gate) -> Iterator[Row]:
    """Yield rows with tools, each with a first question unlike all before it."""
    for index in count():
        row = toolbox.tool_chat(index)
        if gate.admit(first_question(row)):
            yield row


def procedures(gate: Gate) -> Iterator[Row]:
    """Yield rows whose calls need what earlier ones returned, each asked unlike all before."""
    for index in count():
        row = procedure(index)
        if gate.admit(first_question(row)):
            yield row


def first_question(row: Row) -> str:
    """Return the first user turn of a from/value row."""
    return str(next(turn["value"] for turn in row["conversations"] if turn["from"] == "human"))


def solutions(index: int, problem: Problem, number: int) -> list[Row]:
    """Return `number` rows that solve a problem in different words."""
    rng = Sampler("solutions", index)
    extracted = rng.chance(80)
    shared = {
        "expected_answer": problem.answer,
        "problem_type": "has_answer_extracted" if extracted else "no_answer_extracted",
        "problem_source": f"sample_{problem.kind}",
        "pass_rate_72b_tir": str(rng.integer(0, 32) / 32) if extracted else "n/a",
        "problem": problem.text,
        "inference_mode": "cot",
        "used_in_kaggle": rng.chance(60),
    }
    texts: dict[str, str] = {}
    while len(texts) < number:
        solver = "DeepSeek-R1" if rng.chance(70) else "QwQ-32B"
        texts.setdefault(solution(problem, rng, solver=solver, method=len(texts)), solver)
    return [
        {
            column: {**shared, "generation_model": solver, "generated_solution": text}[column]
            for column in MATH_COLUMNS
        }
        for text, solver in texts.items()
    ]


MATH_COLUMNS = (
    "expected_answer",
    "problem_type",
    "problem_source",
    "generation_model",
    "pass_rate_72b_tir",
    "problem",
    "generated_solution",
    "inference_mode",
    "used_in_kaggle",
)
