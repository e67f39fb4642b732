"""English chat about small science: formulas, chemical elements, ways to write numbers."""

from collections.abc import Callable

from tools.generate.numbers_en import Exchange
from tools.generate.sampler import Sampler, join_words
from tools.generate.tables import ELEMENTS, NAMES


def physics(rng: Sampler) -> list[Exchange]:
    """Use one formula: speed, density, Ohm's law or work."""
    one, two = rng.integer(2, 60), rng.integer(2, 24)
    product = one * two
    name = rng.choice(NAMES)
    question, answer = rng.choice(
        [
            (
                f"A cyclist keeps a speed of {one} km/h for {two} hours. Which distance does {name} write "
                "down, and why?",
                f"Distance is speed times time: {one} km/h × {two} h = **{product} km**.",
            ),
            (
                f"{name} measures a block with a mass of {product} g and a volume of {two} cm³. What is its "
                "density?",
                f"Density is mass divided by volume: {product} g ÷ {two} cm³ = **{one} g/cm³**.",
            ),
            (
                f"Through a resistor of {one} ohms flows a current of {two} amperes. Help {name} find the "
                "voltage.",
                f"Ohm's law says U = R · I = {one} Ω × {two} A = **{product} V**.",
            ),
            (
                f"{name} pushes a cart with a force of {one} N over {two} m in the same direction. How much "
                "work is done?",
                f"Work is force times distance: {one} N × {two} m = **{product} J**.",
            ),
            (
                f"A pump of {one} watts runs for {two} seconds. How much energy does it take? {name} "
                "guessed twice as much.",
                f"Energy is power times time: {one} W × {two} s = **{product} J**, half of the guess of "
                f"{2 * product} J.",
            ),
        ]
    )
    return [(question, answer)]


def elements(rng: Sampler) -> list[Exchange]:
    """Symbols and atomic numbers of a few elements."""
    chosen = rng.sample(ELEMENTS, rng.choice([3, 4]))
    names = join_words([element.name for element in chosen])
    asks = [
        f"For a chemistry quiz, list symbol and atomic number of {names}.",
        f"Put {names} in order of atomic number and give the symbols.",
        f"I mix up {names}. Which symbols do they have, and how many protons?",
    ]
    lines = [
        f"{place}. {element.name} ({element.symbol}), atomic number {element.number}"
        for place, element in enumerate(sorted(chosen), start=1)
    ]
    light, heavy = min(chosen), max(chosen)
    follow = (
        "How far apart are the first and the last of them?",
        f"{heavy.name.capitalize()} has {heavy.number} protons and {light.name} {light.number}, so they are "
        f"{heavy.number - light.number} places apart.",
    )
    return [(rng.choice(asks), "\n".join(lines)), follow]


def numerals(rng: Sampler) -> list[Exchange]:
    """Write a number in Roman, binary and hexadecimal form."""
    number, other = rng.integer(40, 2020), rng.integer(5, 120)
    asks = [
        f"Write {number} as a Roman numeral, in binary and in hexadecimal.",
        f"What does {number} look like as a Roman numeral, and what in base 2 and base 16?",
        f"A clock maker asks me for {number} in Roman numerals, a programmer for the same in binary and "
        "hex. Help!",
    ]
    answer = f"- Roman: {roman(number)}\n- binary: {number:b}\n- hexadecimal: {number:X}"
    follow = (
        f"And {other}, in Roman numerals only?",
        f"{other} is {roman(other)}.",
    )
    return [(rng.choice(asks), answer), follow]


def roman(number: int) -> str:
    """Write a positive number below 4000 in Roman numerals."""
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text


_ROMAN = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
]


KINDS: tuple[Callable[[Sampler], list[Exchange]], ...] = (physics, elements, numerals)
