"""Chinese chat about quantities: shopping, units, dates, statistics, schedules, elements, numerals."""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

from tools.generate.numbers_en import Exchange
from tools.generate.sampler import Sampler, decimal, money
from tools.generate.science_en import roman
from tools.generate.tables import (
    CHINESE_UNITS,
    ELEMENTS,
    GOODS,
    NAMES_ZH,
    PLACES_ZH,
    UNITS,
    WEEKDAYS_ZH,
)


def shopping(rng: Sampler) -> list[Exchange]:
    """Add up a basket and give change."""
    one, two = rng.sample(GOODS, 2)
    many, more = rng.integer(2, 9), rng.integer(2, 9)
    name, place = rng.choice(NAMES_ZH), rng.choice(PLACES_ZH)
    total = many * one[4] + more * two[4]
    note = next(value for value in (1000, 2000, 5000, 10000, 20000, 50000) if value > total)
    asks = [
        f"{name}在{place}买了{many}{one[3]}{one[2]}，每{one[3]}{money(one[4])}元，"
        f"又买了{more}{two[3]}{two[2]}，每{two[3]}{money(two[4])}元，付了{note // 100}元，应该找回多少钱？",
        f"请帮我核对{place}的账单：{one[2]}{money(one[4])}元一{one[3]}，共{many}{one[3]}；"
        f"{two[2]}{money(two[4])}元一{two[3]}，共{more}{two[3]}。{name}给了{note // 100}元，找零是多少？",
    ]
    answer = (
        f"{one[2]}：{many} × {money(one[4])} = {money(many * one[4])}元；{two[2]}：{more} × {money(two[4])} "
        f"= {money(more * two[4])}元。合计{money(total)}元，所以应找回 {note // 100} − {money(total)} = "
        f"**{money(note - total)}元**。"
    )
    follow = (
        "如果一共便宜1元呢？",
        f"那么合计是{money(total - 100)}元，应找回{money(note - total + 100)}元。",
    )
    return [(rng.choice(asks), answer), follow]


def units(rng: Sampler) -> list[Exchange]:
    """Convert between units, Chinese ones included."""
    unit = rng.choice(UNITS[:9] + CHINESE_UNITS * 2)
    amount = rng.integer(3, 180)
    factor = Fraction(*unit.factor)
    sign = "=" if factor * amount * 100 % 1 == 0 else "≈"
    place = rng.choice(["菜谱", "快递单", "实验报告", "地图说明", "合同附件", "作业本"])
    name = rng.choice(NAMES_ZH)
    asks = [
        f"{amount}{unit.first_zh}等于多少{unit.second_zh}？",
        f"{name}的{place}上写着{amount}{unit.first_zh}，换算成{unit.second_zh}是多少？",
        f"{place}要求用{unit.second_zh}填写，{name}只知道是{amount}{unit.first_zh}，请帮忙换算一下。",
    ]
    answer = (
        f"1{unit.first_zh} = {decimal(factor, 9)}{unit.second_zh}，所以{amount} × {decimal(factor, 9)} "
        f"{sign} **{decimal(factor * amount)}{unit.second_zh}**。"
    )
    return [(rng.choice(asks), answer)]


def weekday(rng: Sampler) -> list[Exchange]:
    """Add days to a date and name the weekday."""
    start = date(2024, 1, 1) + timedelta(days=rng.integer(0, 1400))
    days = rng.integer(9, 190)
    end = start + timedelta(days=days)
    event = rng.choice(["保修期", "试用期", "借书期", "租期", "课程", "展览", "签证"])
    name = rng.choice(NAMES_ZH)
    asks = [
        f"{name}的{event}从{start.year}年{start.month}月{start.day}日开始，再过{days}天结束，"
        "结束那天是星期几？",
        f"从{start.year}年{start.month}月{start.day}日算起，"
        f"{days}天以后是哪一天？{name}要记下{event}的截止日期。",
    ]
    answer = (
        f"{start.month}月{start.day}日是星期{WEEKDAYS_ZH[start.weekday()]}。{days} = {days // 7} × 7 + "
        f"{days % 7}，所以{days}天以后是**{end.year}年{end.month}月{end.day}日，"
        f"星期{WEEKDAYS_ZH[end.weekday()]}**。"
    )
    follow = (
        f"{end.year}年是闰年吗？",
        f"{'是' if end.year % 4 == 0 else '不是'}，"
        f"{end.year}{'能' if end.year % 4 == 0 else '不能'}被4整除。",
    )
    return [(rng.choice(asks), answer), follow]


def statistics(rng: Sampler) -> list[Exchange]:
    """Mean, median and range."""
    values = [rng.integer(3, 60) for _ in range(rng.choice([5, 7]))]
    thing = rng.choice(["每天的访客人数", "公交车晚点的秒数", "测验成绩", "每晚读书的页数", "每车的包裹数"])
    shown = "、".join(map(str, values))
    asks = [
        f"这是我们记录的{thing}：{shown}。平均数、中位数和极差各是多少？",
        f"请计算{shown}的平均数、中位数和极差，这些数是{thing}。",
    ]
    ordered = sorted(values)
    answer = (
        f"- 平均数：{sum(values)} ÷ {len(values)} = {decimal(Fraction(sum(values), len(values)))}\n"
        f"- 中位数：{ordered[len(ordered) // 2]}\n- 极差：{ordered[-1]} − {ordered[0]} = "
        f"{ordered[-1] - ordered[0]}"
    )
    return [(rng.choice(asks), answer), ("从小到大排列呢？", "、".join(map(str, ordered)))]


def elements(rng: Sampler) -> list[Exchange]:
    """Symbols and atomic numbers."""
    chosen = rng.sample(ELEMENTS, rng.choice([3, 4]))
    names = "、".join(element.name_zh for element in chosen)
    asks = [
        f"请写出{names}的元素符号和原子序数。",
        f"把{names}按原子序数从小到大排列，并注明符号。",
        f"化学课要背{names}，它们的符号和质子数是多少？",
    ]
    lines = [f"{one.name_zh}（{one.symbol}），原子序数{one.number}" for one in sorted(chosen)]
    return [
        (rng.choice(asks), "\n".join(lines)),
        ("哪一个的质子最多？", f"{max(chosen).name_zh}，有{max(chosen).number}个质子。"),
    ]


def discount(rng: Sampler) -> list[Exchange]:
    """Explain a Chinese discount: 8折 means 80 per cent of the price."""
    good = rng.choice(GOODS)
    price, fold, off = rng.integer(12, 90) * 10, rng.integer(5, 9), rng.choice([5, 10, 20, 30])
    name, place = rng.choice(NAMES_ZH), rng.choice(PLACES_ZH)
    asks = [
        f"{place}的一箱{good[2]}原价{price}元，打{fold}折以后再减{off}元，{name}要付多少？",
        f"{name}看中一箱{good[2]}，标价{price}元。先减{off}元再打{fold}折，和先打{fold}折再减{off}元，"
        "哪个更便宜？",
    ]
    fold_first, off_first = Fraction(price * fold, 10) - off, Fraction((price - off) * fold, 10)
    answers = [
        f"打{fold}折是{price} × 0.{fold} = {decimal(fold_first + off)}元，再减{off}元，"
        f"要付**{decimal(fold_first)}元**。",
        f"先减再打折：({price} − {off}) × 0.{fold} = {decimal(off_first)}元；先打折再减：{price} × 0.{fold} "
        f"− {off} = {decimal(fold_first)}元。先打折再减更便宜。",
    ]
    return [rng.choice(list(zip(asks, answers, strict=True)))]


def schedule(rng: Sampler) -> list[Exchange]:
    """Lay out a programme with a break."""
    items = rng.sample(
        [
            "开幕致辞",
            "预算说明",
            "安全培训",
            "参观车间",
            "小组讨论",
            "产品演示",
            "颁奖",
            "朗诵",
            "答疑",
            "急救演练",
        ],
        3,
    )
    lengths = [rng.integer(3, 12) * 5 for _ in items]
    now, pause = rng.integer(32, 60) * 15, rng.choice([10, 15, 20])
    plan = "、".join(f"{item}（{length}分钟）" for item, length in zip(items, lengths, strict=True))
    name = rng.choice(NAMES_ZH)
    asks = [
        f"请帮{name}排一个日程：{_clock(now)}开始，依次是{plan}，第一项之后休息{pause}分钟。几点结束？",
        f"活动在{_clock(now)}开始，先后安排{plan}，并在第一项后休息{pause}分钟，{name}想知道每一项的时间。",
    ]
    lines = []
    for index, (item, length) in enumerate(zip(items, lengths, strict=True)):
        lines.append(f"- {_clock(now)}到{_clock(now + length)}：{item}")
        now += length + (pause if index == 0 else 0)
    return [(rng.choice(asks), "\n".join([*lines, f"\n**{_clock(now)}**结束。"]))]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def numerals(rng: Sampler) -> list[Exchange]:
    """Write a number in several systems."""
    number, name, place = rng.integer(40, 2020), rng.choice(NAMES_ZH), rng.choice(PLACES_ZH)
    asks = [
        f"数字{number}用罗马数字、二进制和十六进制怎么写？这是{name}在{place}看到的。",
        f"{place}的招牌上有一个{number}，{name}问它的罗马数字是什么，二进制和十六进制又是什么。",
        f"{name}想把{number}分别写成罗马数字、二进制和十六进制，请帮忙。",
    ]
    return [(rng.choice(asks), f"- 罗马数字：{roman(number)}\n- 二进制：{number:b}\n- 十六进制：{number:X}")]


KINDS: tuple[Callable[[Sampler], list[Exchange]], ...] = (
    shopping,
    units,
    weekday,
    statistics,
    elements,
    discount,
    schedule,
    numerals,
)
