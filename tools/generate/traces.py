"""A mathematical problem with its ways of solution, and the voices that think them through."""

from collections.abc import Mapping
from dataclasses import dataclass

from tools.generate.sampler import Sampler

SHORT = 1200
"""Characters up to which a way of solution is worth repeating."""


@dataclass(frozen=True)
class Problem:
    """A problem whose answer follows from its parameters, so that anybody can check it."""

    kind: str
    params: Mapping[str, int]
    text: str
    ask: str
    """What is sought, as a noun phrase."""
    methods: tuple[tuple[str, ...], ...]
    """Ways to the answer, each a sequence of paragraphs."""
    check: str
    """A sentence or more that confirms the answer in another way."""
    answer: str


def solution(problem: Problem, rng: Sampler, *, solver: str, method: int) -> str:
    """Return the text of a reasoning model: trace in think tags, then summary and boxed answer."""
    voice = VOICES[solver]
    steps = problem.methods[method % len(problem.methods)]
    trace = [rng.choice(voice["open"]).format(ask=problem.ask)]
    for index, step in enumerate(steps):
        lead = rng.choice(voice["go_on"]) if index and rng.chance(45) else ""
        trace.append(f"{lead} {step}".strip())
    other = problem.methods[(method + 1) % len(problem.methods)]
    if rng.chance(40) and sum(map(len, other)) < SHORT:
        trace += [rng.choice(voice["again"]), *other]
    trace.append(f"{rng.choice(voice['check'])} {problem.check}")
    trace.append(rng.choice(voice["close"]).format(ask=problem.ask, answer=problem.answer))
    thought = "\n\n".join(trace)
    return f"<think>\n{thought}\n</think>\n\n{_summary(problem, steps, rng)}"


def _summary(problem: Problem, steps: tuple[str, ...], rng: Sampler) -> str:
    ending = rng.choice(
        [
            f"Therefore {problem.ask} is $\\boxed{{{problem.answer}}}$.",
            f"**Final answer:** $\\boxed{{{problem.answer}}}$",
            f"So the answer is\n\n\\[\n\\boxed{{{problem.answer}}}\n\\]",
        ]
    )
    start = rng.choice(["", "**Solution.** ", f"We are asked for {problem.ask}.\n\n"])
    kept = steps if rng.chance(40) and sum(map(len, steps)) < SHORT else steps[-1:]
    shown = "\n\n".join(kept)
    return f"{start}{shown}\n\n{ending}"


VOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "DeepSeek-R1": {
        "open": (
            "Okay, so I need to find {ask}. Let me take this step by step.",
            "Okay, let me see what is given here and what is wanted: {ask}.",
            "Alright, the goal is {ask}. I will start with the data of the problem.",
            "Let me think. What I am after is {ask}, so which relation connects it with the given numbers?",
            "First I read the problem again. It wants {ask}, nothing else.",
        ),
        "go_on": (
            "Now to the next step.",
            "Good. Next:",
            "So far so good.",
            "Hmm, and from here:",
            "Okay, moving on.",
            "That looks right. Then:",
        ),
        "again": (
            "Is there another way to see it? Yes, let me redo it differently.",
            "Alternatively, I can go about it like this.",
            "Hmm, I would feel better with a second derivation.",
        ),
        "check": (
            "Wait, let me double-check this.",
            "Before I settle on it, a quick check.",
            "Let me verify that.",
            "Hold on, is that consistent?",
        ),
        "close": (
            "Everything fits, so {ask} is {answer}.",
            "The check agrees. The answer is {answer}.",
            "I am confident now: {answer}.",
            "All of it is consistent, so {answer}.",
        ),
    },
    "QwQ-32B": {
        "open": (
            "Alright, let's tackle this problem: {ask}.",
            "So the question is about {ask}. Let me write down what we know.",
            "Let me figure out {ask}. I should be careful with each step.",
            "Hmm, we want {ask}. One direct way comes to mind.",
            "Let's look for {ask}. I'll work slowly and check at the end.",
        ),
        "go_on": (
            "Alright, next.",
            "One step further:",
            "Okay, so now:",
            "Let me continue.",
            "Right. After that:",
            "Let's go on.",
        ),
        "again": (
            "Wait, maybe I should do it in a second way.",
            "Alternatively, here is a different road to the same number.",
            "Let me solve it again from scratch, in another manner.",
        ),
        "check": (
            "Let me check once more.",
            "Just to make sure:",
            "I want to confirm the result.",
            "A sanity check:",
        ),
        "close": (
            "Yes, that works. {answer} it is.",
            "So I conclude that {ask} is {answer}.",
            "That matches, so the final result is {answer}.",
            "Nothing is left open, the answer is {answer}.",
        ),
    },
}
