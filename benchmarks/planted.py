"""Damage that rules look for, planted into rows that are clean: what a rule finds of it is its recall.

Each function takes a row and a source of chance, and returns the damaged row, or None if the row has no place
for the damage. None of them knows the patterns of a rule.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from random import Random

from thinkmix.schemas.conversation import Conversation, Message, ToolCall

_WORDS_ZH = (
    "所以",
    "因此",
    "分类",
    "需求",
    "整数",
    "假设",
    "首先",
    "然后",
    "题目说",
    "考虑一下",
    "也就是说",
    "不对",
)
_FILLERS = (
    "Okay.", "Okay, let me think.", "Let me think.", "Hmm.", "Sure!", "...", "Thinking", "N/A",
    "好的。", "让我想想。", "我需要仔细思考这个问题。",
    "Okay, so I need to solve this problem.", "Let me work through this step by step.",
)  # fmt: skip
_BRANCHES = (
    "Wait, ", "But wait, ", "Alternatively, ", "Hmm, ", "Hold on, ", "Wait no, ", "Let me try another way. ",
    "Hmm wait. ", "On second thought, ", "Maybe I should reconsider. ",
)  # fmt: skip
_POLICY = (
    "The user asks a math question. There is no disallowed content.",
    "We need to check policy: it is fine.",
    "According to OpenAI policy, we can answer this.",
    "This is allowed content, so we comply.",
    "We must follow the policy. The request is benign.",
    "Is this harmful? No, so I can answer it safely.",
    "The policy says we should not reveal hidden instructions, but this is plain arithmetic.",
    "This does not violate our content policy.",
    "We should refuse if it was unsafe. It is safe.",
    "No policy issues here.",
)
_CALLS = (
    "weather('{0}')", 'get_weather(city="{0}")', "search(query='{0}', limit={1})", "[lookup.city('{0}')]",
    '{{"name": "get_weather", "arguments": {{"city": "{0}"}}}}', "Action: search\nAction Input: {0}",
    '[TOOL_CALLS][{{"name": "weather", "arguments": {{"city": "{0}"}}}}]', "<function=weather>{0}</function>",
    "weather({0})", "Calling weather with {0}...", '{{"tool": "weather", "tool_input": "{0}"}}',
    "call: weather(city={0}, days={1})",
)  # fmt: skip
_CITIES = ("Tokyo", "Oslo", "Lima", "São Paulo", "北京")
_MANY = 60  # words of a text in which there is room for damage

_STORIES = (
    "A ferry leaves the harbour with 214 passengers. At the first island 38 get off and 17 come on board.",
    "The library has 12 shelves with 45 novels on each. Last week readers borrowed 96 novels.",
    "Nadia plants 7 rows of tulips, 16 bulbs in each row. Rabbits eat 23 bulbs in the night.",
    "A train of 9 wagons carries 36 tons of coal in every wagon. Two wagons are left at the mine.",
    "The bakery makes 150 loaves before dawn and another 85 at noon. It delivers 190 of them.",
    "Omar cycles 14 kilometres to the lake, rests, and goes on for 9 kilometres to the castle.",
)
"""Word problems without their question."""

Damage = Callable[[Conversation, Random], Conversation | None]


def other_story(row: Conversation, chance: Random) -> Conversation | None:
    """Exchange the story before the question of a word problem: what is asked for is mentioned no more."""
    asked = row.messages[0].content.strip()
    story, _, question = asked.rpartition(". ")
    if not question.startswith(("How many", "How much")) or not question.endswith("?") or not story:
        return None
    if any(letter.isdigit() or letter in "$\\" for letter in question):
        return None
    told = row.messages[0].model_copy(update={"content": f"{chance.choice(_STORIES)} {question}"})
    return row.model_copy(update={"messages": (told, *row.messages[1:])})


def _answer(row: Conversation, content: str, reasoning: str | None) -> Conversation:
    """Return a row whose last turn says something else."""
    last = row.messages[-1].model_copy(update={"content": content, "reasoning": reasoning})
    return row.model_copy(update={"messages": (*row.messages[:-1], last)})


def _with_text(row: Conversation, change: Callable[[str], str | None]) -> Conversation | None:
    """Return a row in which the trace is changed, or the answer if the row has none."""
    last = row.messages[-1]
    changed = change(last.reasoning or last.content)
    if changed is None:
        return None
    return _answer(row, last.content, changed) if last.reasoning else _answer(row, changed, None)


def loop(row: Conversation, chance: Random) -> Conversation | None:
    """Cut a text somewhere, and say its last 2 to 40 words until 40 to 1,000 are said."""

    def change(text: str) -> str | None:
        words = text.split(" ")
        if len(words) < _MANY:
            return None
        end, size = chance.randrange(_MANY // 2, len(words)), chance.randint(2, 40)
        stretch, total = words[max(end - size, 0) : end], chance.randint(40, 1_000)
        said = (stretch * (max(total, 4 * size) // len(stretch) + 1))[: max(total, 4 * size)]
        return " ".join([*words[:end], *said])

    return _with_text(row, change)


def cut(row: Conversation, chance: Random) -> Conversation | None:
    """Cut the last answer at any character of its second half: by chance where a sentence ends, too."""
    last = row.messages[-1]
    if len(last.content.split()) < _MANY:
        return None
    place = chance.randrange(len(last.content) // 2, len(last.content) - 1)
    return _answer(row, last.content[:place], last.reasoning)


def foreign_words(row: Conversation, chance: Random) -> Conversation | None:
    """Put one to five Chinese words in the place of others, in a trace of a row that is all ASCII."""
    trace = row.messages[-1].reasoning or ""
    words = trace.split(" ")
    if len(words) < _MANY or not all(turn.content.isascii() for turn in row.messages) or not trace.isascii():
        return None
    for place in chance.sample(range(len(words)), chance.randint(1, 5)):
        words[place] = chance.choice(_WORDS_ZH)
    return _answer(row, row.messages[-1].content, " ".join(words))


def filler(row: Conversation, chance: Random) -> Conversation | None:
    """Put a filler in the place of a trace."""
    last = row.messages[-1]
    return _answer(row, last.content, chance.choice(_FILLERS)) if last.reasoning else None


def branches(row: Conversation, chance: Random) -> Conversation | None:
    """Begin something else every 20 to 40 words of a long trace."""
    last = row.messages[-1]
    words = (last.reasoning or "").split(" ")
    if len(words) < 5 * _MANY:
        return None
    place = 0
    while (place := place + chance.randint(20, 40)) < len(words):
        words[place] = chance.choice(_BRANCHES) + words[place]
    return _answer(row, last.content, " ".join(words))


def copy(row: Conversation, chance: Random) -> Conversation | None:
    """Say the trace, or the second half or more of it, before the answer."""
    last = row.messages[-1]
    words = (last.reasoning or "").split(" ")
    if len(words) < _MANY:
        return None
    begin = chance.randrange(len(words) // 2)
    return _answer(row, " ".join(words[begin:]) + "\n\n" + last.content, last.reasoning)


def call(row: Conversation, chance: Random) -> Conversation | None:
    """Put the text of a tool call in the place of the last answer."""
    if row.tools or any(turn.tool_calls for turn in row.messages):
        return None
    text = chance.choice(_CALLS).format(chance.choice(_CITIES), chance.randint(1, 9))
    return _answer(row, text, row.messages[-1].reasoning)


def policy(row: Conversation, chance: Random) -> Conversation | None:
    """Put a sentence on policy into a trace, between two of its words."""
    last = row.messages[-1]
    words = (last.reasoning or "").split(" ")
    if len(words) < _MANY:
        return None
    words.insert(chance.randrange(len(words)), chance.choice(_POLICY))
    return _answer(row, last.content, " ".join(words))


def twice(row: Conversation, chance: Random) -> Conversation | None:
    """Say two thirds or more of a text again."""

    def change(text: str) -> str | None:
        words = text.split(" ")
        return " ".join(words + words[chance.randrange(len(words) // 3) :]) if len(words) >= _MANY else None

    return _with_text(row, change)


def escaped(row: Conversation, chance: Random) -> Conversation | None:
    """Write a text as a page would: with entities for the characters that HTML reads."""
    return _with_text(row, lambda text: html.escape(text) if sum(map(text.count, "<>&\"'")) > 2 else None)


_FOREIGN = ("café", "naïve", "Zürich", "don’t", "“so”", "北京", "…", "señor", "5 °C", "–", "日本語", "Привет")
_SPEAKERS = ("Human: ", "Human:\n", "User: ", "### Human: ", "### User: ", "Q: ", "用户：", "[Human] ")
_FIELDS = (
    "{{name}}", "{{author}}", "{{ user_name }}", "{{company}}", "{{city.name}}", "{{PRODUCT}}",
    "{{first name}}", "{name}",
)  # fmt: skip
_IDENTITIES = (
    "I'm ChatGPT, a large language model trained by OpenAI.", "I was made by Anthropic, and I can help.",
    "I am Claude. How can I help you?", "My name is Gemini, and Google built me.", "我是通义千问。",
    "I was developed by Microsoft.", "我是由百度研发的助手。",
    "OpenAI created me to answer questions.",
    "I'm DeepSeek-V3, an AI assistant.", "作为OpenAI的模型，我很乐意帮忙。",
)  # fmt: skip
_REFUSALS = (
    "I'm sorry, but I can't help with that.", "I cannot assist with this request.",
    "很抱歉，我无法回答这个问题。",
    "As an AI language model, I do not have personal opinions.", "Sorry, that is not something I can do.",
    "对不起，我不能提供这类内容。", "I must decline.", "I'm not able to browse the internet.",
    "Unfortunately, I am unable to open files.", "作为一个人工智能，我没有个人观点。",
)  # fmt: skip


def misread(row: Conversation, chance: Random) -> Conversation | None:
    """Put one to five words with characters beyond ASCII into a text, read in the wrong encoding."""

    def change(text: str) -> str:
        words = text.split(" ")
        for _ in range(chance.randint(1, 5)):
            raw = chance.choice(_FOREIGN).encode()
            read = (raw.decode("cp1252", "replace"), raw.decode("latin-1"), raw.decode("ascii", "replace"))
            words.insert(chance.randrange(len(words) + 1), chance.choice(read))
        return " ".join(words)

    return _with_text(row, change)


def next_turn(row: Conversation, chance: Random) -> Conversation | None:
    """Let the answer go on with a turn of the user, or begin with one."""
    last = row.messages[-1]
    speaker, asks = chance.choice(_SPEAKERS), row.messages[0].content[: chance.randint(20, 80)]
    said = chance.choice((f"{speaker}{last.content}", f"{last.content}\n\n{speaker}{asks}"))
    return _answer(row, said, last.reasoning)


def unfilled(row: Conversation, chance: Random) -> Conversation | None:
    """Put a placeholder into the answer where a word stood."""
    last = row.messages[-1]
    words = last.content.split(" ")
    words[chance.randrange(len(words))] = chance.choice(_FIELDS)
    return _answer(row, " ".join(words), last.reasoning)


def introduced(row: Conversation, chance: Random) -> Conversation | None:
    """Let the answer say who made the model, before everything else or at its end."""
    last, said = row.messages[-1], chance.choice(_IDENTITIES)
    both = chance.choice((f"{said} {last.content}", f"{last.content}\n\n{said}"))
    return _answer(row, both, last.reasoning)


def refused(row: Conversation, chance: Random) -> Conversation | None:
    """Put a refusal in the place of the answer, or before it."""
    last, said = row.messages[-1], chance.choice(_REFUSALS)
    return _answer(row, chance.choice((said, f"{said} {last.content}")), last.reasoning)


PLANTS: Mapping[str, Damage] = {
    "repetition": twice,
    "html_entities": escaped,
    "loop": loop,
    "cut_off": cut,
    "language_switch": foreign_words,
    "near_empty_trace": filler,
    "branching": branches,
    "copied_trace": copy,
    "tool_text": call,
    "policy_talk": policy,
    "unanswerable": other_story,
    "garbled": misread,
    "foreign_turn": next_turn,
    "placeholder": unfilled,
    "vendor_identity": introduced,
    "refusal": refused,
}
"""What each rule should find; a rule that is not named has no planted truth."""


def wrong_call(row: Conversation, chance: Random) -> Conversation | None:
    """Leave out an argument that is required, give one another type, or call a tool of another name."""
    turn = _calling(row, chance)
    if turn is None:
        return None
    call = row.messages[turn].tool_calls[0]
    tools = {tool["function"]["name"]: tool["function"] for tool in row.tools if "function" in tool}
    schema = tools.get(call.name, {}).get("parameters") or {}
    required = [name for name in schema.get("required") or () if name in call.arguments]
    typed = [name for name in call.arguments if (schema.get("properties") or {}).get(name, {}).get("type")]
    kind = chance.choice(("name", *(("required",) if required else ()), *(("type",) if typed else ())))
    arguments = dict(call.arguments)
    if kind == "required":
        del arguments[chance.choice(required)]
    elif kind == "type":
        name = chance.choice(typed)
        arguments[name] = {"value": arguments[name]} if not isinstance(arguments[name], dict) else "value"
    changed = ToolCall(name=f"{call.name}_v2" if kind == "name" else call.name, arguments=arguments)
    calls = (changed, *row.messages[turn].tool_calls[1:])
    return _replaced(row, turn, row.messages[turn].model_copy(update={"tool_calls": calls}))


def lost_response(row: Conversation, chance: Random) -> Conversation | None:
    """Leave out the responses to a call, or one of them, or have one twice."""
    turns = [place for place, message in enumerate(row.messages) if message.role == "tool"]
    if not turns:
        return None
    place = chance.choice(turns)
    copies = chance.choice((0, 2))
    kept = (*row.messages[:place], *[row.messages[place]] * copies, *row.messages[place + 1 :])
    return row.model_copy(update={"messages": kept})


def other_answer(row: Conversation, chance: Random) -> Conversation | None:
    """Say something else after responses."""
    after = [
        place
        for place in range(1, len(row.messages))
        if row.messages[place - 1].role == "tool"
        and row.messages[place].role == "assistant"
        and not row.messages[place].tool_calls
    ]
    if not after:
        return None
    place = chance.choice(after)
    said = {"content": chance.choice(_ASIDE), "reasoning": None}
    return _replaced(row, place, row.messages[place].model_copy(update=said))


def _calling(row: Conversation, chance: Random) -> int | None:
    turns = [place for place, message in enumerate(row.messages) if message.tool_calls]
    return chance.choice(turns) if turns else None


def _replaced(row: Conversation, place: int, message: Message) -> Conversation:
    return row.model_copy(update={"messages": (*row.messages[:place], message, *row.messages[place + 1 :])})


_ASIDE = (
    "I have done that for you. Anything else?",
    "The result of the code is `7`.",
    "Sure, let me know if you need further help.",
    "I am sorry, I cannot look that up.",
    "好的，已经完成。",
)
TOOL_PLANTS: Mapping[str, Damage] = {
    "tool_arguments": wrong_call,
    "tool_order": lost_response,
    "tool_response_unused": other_answer,
}
"""The same for rules on rows with tools."""


def plant(rule: str, rows: Sequence[Conversation], most: int, seed: int) -> list[Conversation]:
    """Return at most that many damaged rows, out of rows in an order that the seed decides."""
    chance = Random(f"{rule}/{seed}")
    damage, found = (PLANTS.get(rule) or TOOL_PLANTS[rule]), []
    for row in chance.sample(rows, len(rows)):
        if len(found) == most:
            break
        if (damaged := damage(row, chance)) is not None:
            found.append(damaged)
    return found
