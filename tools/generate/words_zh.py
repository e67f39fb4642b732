"""Chinese chat about language, the world and programs."""

import json
from collections.abc import Callable

from tools.generate.code_en import snippet
from tools.generate.numbers_en import Exchange
from tools.generate.phrases import CONCEPTS, IDIOMS, PHRASES
from tools.generate.sampler import Sampler
from tools.generate.tables import CONTINENTS_ZH, COUNTRIES, GOODS, NAMES_ZH, WEEKDAYS_ZH


def idioms(rng: Sampler) -> list[Exchange]:
    """Explain idioms with an example."""
    chosen = rng.sample(IDIOMS, rng.choice([1, 2, 2]))
    names = "和".join(f"“{idiom}”" for idiom, _, _ in chosen)
    asks = [
        f"成语{names}是什么意思？请举例。",
        f"请解释{names}，并各造一个句子。",
        f"孩子的语文作业里出现了{names}，应该怎么讲给他听？",
    ]
    answer = "\n".join(f"“{idiom}”的意思是{meaning}。例如：{example}" for idiom, meaning, example in chosen)
    other = rng.choice([entry for entry in IDIOMS if entry not in chosen])
    return [
        (rng.choice(asks), answer),
        (f"那“{other[0]}”呢？", f"“{other[0]}”指{other[1]}。例如：{other[2]}"),
    ]


def which_idiom(rng: Sampler) -> list[Exchange]:
    """Find the idiom for a meaning."""
    right, *others = rng.sample(IDIOMS, 3)
    options = rng.shuffled([right[0], others[0][0], others[1][0]])
    asks = [
        f"哪个成语表示“{right[1]}”：{'、'.join(options)}？",
        f"我想说“{right[1]}”，在{'、'.join(options)}里应该选哪一个？",
    ]
    answer = (
        f"应该选“{right[0]}”。“{others[0][0]}”指{others[0][1]}，“{others[1][0]}”指{others[1][1]}，都不合适。"
    )
    return [(rng.choice(asks), answer)]


def translate(rng: Sampler) -> list[Exchange]:
    """Translate sentences into English or from English."""
    chosen = rng.sample(PHRASES, rng.choice([1, 2, 2]))
    chinese, english = "".join(pair[1] for pair in chosen), " ".join(pair[0] for pair in chosen)
    place = rng.choice(["邮件", "旅行手册", "英语课", "字幕", "告示牌", "短信"])
    asks = [
        (f"请把下面的话翻译成英语：{chinese}", english),
        (f"“{chinese}”用英语怎么说？我要写在{place}里。", english),
        (f"{place}里有一句英文：{english} 请翻译成中文。", chinese),
    ]
    other = rng.choice([pair for pair in PHRASES if pair not in chosen])
    return [rng.choice(asks), (f"“{other[1]}”怎么翻译成英语？", other[0])]


def capitals(rng: Sampler) -> list[Exchange]:
    """Capitals and continents."""
    chosen = rng.sample(COUNTRIES, rng.choice([2, 3, 4]))
    names = "、".join(country.name_zh for country in chosen)
    asks = [
        f"{names}的首都分别是哪里？",
        f"我在准备地理小测验，请列出{names}的首都和所在的大洲。",
        f"请告诉我下面这些国家的首都：{names}。",
    ]
    answer = "\n".join(
        f"- {one.name_zh}：{one.capital_zh}（{CONTINENTS_ZH[one.continent]}）" for one in chosen
    )
    last = chosen[0]
    return [
        (rng.choice(asks), answer),
        (f"{last.capital_zh}的英文名是什么？", f"{last.capital_zh}的英文名是{last.capital}。"),
    ]


def python_output(rng: Sampler) -> list[Exchange]:
    """Say what a program prints."""
    code, printed, _ = snippet(rng)
    asks = [
        f"下面的Python程序会输出什么？\n\n```python\n{code}\n```",
        f"请不要运行，直接推断这段代码的输出：\n\n```python\n{code}\n```",
    ]
    return [(rng.choice(asks), f"程序的输出是：\n\n```text\n{printed}\n```")]


def letter(rng: Sampler) -> list[Exchange]:
    """Rewrite a curt note as a polite message."""
    sender, reader = rng.sample(NAMES_ZH, 2)
    note, polite = rng.choice(_REQUESTS)
    good = rng.choice(GOODS)
    count, day = rng.integer(3, 60), rng.choice(WEEKDAYS_ZH[:6])
    reason = rng.choice(
        [
            f"星期{day}我们要布置会场，需要用到{count}{good[3]}{good[2]}",
            f"订单里的{count}{good[3]}{good[2]}必须在星期{day}之前登记入库",
            f"有{count}位客人将在星期{day}来访，每人会得到一份{good[2]}",
        ]
    )
    asks = [
        f"请把这句话改写成一封礼貌的短信，收信人是{reader}，落款是{sender}，并说明原因：{reason}。原话是："
        f"“{note}”",
        f"{sender}想对{reader}说“{note}”，语气太生硬了。背景是{reason}。请帮忙改得客气一些，写成三四句话。",
    ]
    answer = (
        f"{reader}您好：\n\n打扰您了。{reason}，因此想麻烦您：{polite}如有不便，请随时告诉我。"
        f"谢谢！\n\n{sender}"
    )
    return [(rng.choice(asks), answer), ("再短一点，只要一句话。", f"{reader}您好，{polite}谢谢！{sender}")]


_REQUESTS = [
    ("快把发票寄来。", "能否请您今天把发票寄给我们？"),
    ("你又忘带钥匙了。", "下次能否请您记得带上钥匙？"),
    ("时间不够，往后推。", "能否把截止日期推迟几天？"),
    ("箱子坏了，换一个。", "箱子在运输中损坏了，能否请您换一个？"),
    ("给我回电话。", "方便的时候能否给我回个电话？"),
    ("预订取消。", "能否请您帮我们取消预订？"),
    ("地址写错了，改掉。", "能否请您更正标签上的地址？"),
]


def to_json(rng: Sampler) -> list[Exchange]:
    """Turn a sentence into JSON."""
    name, country, good = rng.choice(NAMES_ZH), rng.choice(COUNTRIES), rng.choice(GOODS)
    record = {"姓名": name, "城市": country.capital_zh, "商品": good[2], "数量": rng.integer(2, 80)}
    asks = [
        f"请把下面的内容写成JSON，键为姓名、城市、商品、数量：{name}住在{country.capital_zh}，"
        f"订了{record['数量']}{good[3]}{good[2]}。",
        f"{country.capital_zh}的{name}需要{record['数量']}{good[3]}{good[2]}，请整理成一个JSON对象（姓名、"
        "城市、商品、数量）。",
    ]
    return [(rng.choice(asks), f"```json\n{json.dumps(record, ensure_ascii=False, indent=2)}\n```")]


def concepts(rng: Sampler) -> list[Exchange]:
    """Explain one idea, or two."""
    chosen = rng.sample(CONCEPTS, rng.choice([1, 2, 2]))
    names = "和".join(entry[2] for entry in chosen)
    reader = rng.choice(["初中生", "新同事", "爷爷奶奶", "展板", "夜校学员", "词汇表"])
    asks = [
        f"请用一两句话给{reader}解释什么是{names}。",
        f"我要为{reader}写一段关于{names}的说明，请帮我起草。",
        f"{names}是什么意思？说明是给{reader}看的，请尽量简单。",
    ]
    other = rng.choice([entry for entry in CONCEPTS if entry not in chosen])
    return [(rng.choice(asks), "\n\n".join(entry[3] for entry in chosen)), (f"那{other[2]}呢？", other[3])]


KINDS: tuple[Callable[[Sampler], list[Exchange]], ...] = (
    idioms,
    which_idiom,
    translate,
    capitals,
    python_output,
    letter,
    to_json,
    concepts,
)
