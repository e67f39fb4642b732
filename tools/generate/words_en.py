"""English chat about language and the world: translation, letters, definitions, puzzles, geography."""

from collections.abc import Callable

from tools.generate.numbers_en import Exchange
from tools.generate.phrases import CONCEPTS, PHRASES
from tools.generate.sampler import Sampler, join_words
from tools.generate.tables import COUNTRIES, DEFINITIONS, GOODS, NAMES


def capitals(rng: Sampler) -> list[Exchange]:
    """Capitals and continents of a few countries."""
    chosen = rng.sample(COUNTRIES, rng.choice([2, 3, 4]))
    names = join_words([country.name for country in chosen])
    asks = [
        f"What are the capitals of {names}?",
        f"I am making quiz cards about {names}. Give capital and continent for each.",
        f"My itinerary covers {names}. Which city is the capital of each, and on which continent?",
        f"Name capital and continent: {names}.",
    ]
    answer = "\n".join(f"- {one.name}: {one.capital} ({one.continent})" for one in chosen)
    last = chosen[-1]
    follow = (
        f"How is {last.capital} written in Chinese?",
        f"{last.capital} is {last.capital_zh} in Chinese; the country, {last.name}, is {last.name_zh}.",
    )
    return [(rng.choice(asks), answer), follow]


def wrong_capital(rng: Sampler) -> list[Exchange]:
    """Find the one wrong line in a list of capitals."""
    chosen = rng.sample(COUNTRIES, 4)
    wrong, instead = chosen[rng.integer(0, 2)], chosen[3]
    pairs = [f"{one.capital} in {one.name}" for one in chosen[:3]]
    shown = join_words(
        [p.replace(wrong.capital, instead.capital) if p.endswith(wrong.name) else p for p in pairs]
    )
    asks = [
        f"A pupil listed these capitals: {shown}. One is wrong. Which?",
        f"Spot the mistake: {shown}.",
        f"Please proofread my travel notes: the capitals I want to see are {shown}.",
    ]
    answer = (
        f"{instead.capital} is the capital of {instead.name}, not of {wrong.name}. The capital of "
        f"{wrong.name} is {wrong.capital}; the other two are right."
    )
    return [(rng.choice(asks), answer)]


def to_chinese(rng: Sampler) -> list[Exchange]:
    """Translate sentences into Chinese."""
    chosen = rng.sample(PHRASES, rng.choice([1, 2, 2, 3]))
    shown = " ".join(english for english, _ in chosen)
    place = rng.choice(
        ["a notice", "a text message", "a language class", "a subtitle", "a travel guide", "a letter"]
    )
    asks = [
        f"Translate into Chinese for {place}: {shown}",
        f"How do I say this in Mandarin? {shown}",
        f"“{shown}” I need this in simplified Chinese for {place}.",
        f"Please give me a Chinese version of the following: {shown}",
    ]
    english, chinese = rng.choice([pair for pair in PHRASES if pair not in chosen])
    follow = (f"And “{english}”?", chinese)
    return [(rng.choice(asks), "".join(chinese for _, chinese in chosen)), follow]


def to_english(rng: Sampler) -> list[Exchange]:
    """Translate sentences from Chinese."""
    chosen = rng.sample(PHRASES, rng.choice([1, 2, 2]))
    shown = "".join(chinese for _, chinese in chosen)
    asks = [
        f"What does {shown} mean in English?",
        f"Please translate: {shown}",
        f"A friend wrote to me: {shown} I cannot read it yet. What is the message?",
        f"English, please, for the caption {shown}",
    ]
    answer = " ".join(english for english, _ in chosen)
    return [(rng.choice(asks), answer)]


def define(rng: Sampler) -> list[Exchange]:
    """Explain one or two words with an example sentence."""
    chosen = rng.sample(DEFINITIONS, rng.choice([1, 2, 2]))
    names = join_words([f"“{entry[0]}”" for entry in chosen])
    asks = [
        f"What does {names} mean? Give an example sentence.",
        f"I met {names} in a novel. Please explain with an example.",
        f"Define {names} for a learner of English.",
        f"Which part of speech is {names}, and how is it used?",
    ]
    answer = "\n".join(
        f"**{word}** ({kind}): {meaning}. Example: {example}" for word, kind, meaning, example in chosen
    )
    word, kind, meaning, _ = rng.choice([entry for entry in DEFINITIONS if entry not in chosen])
    return [
        (rng.choice(asks), answer),
        (f"And “{word}”?", f"It is a {kind} and means: {meaning}.".replace("a adj", "an adj")),
    ]


def concepts(rng: Sampler) -> list[Exchange]:
    """Explain one idea, or two side by side."""
    chosen = rng.sample(CONCEPTS, rng.choice([1, 2, 2, 2]))
    names = join_words([entry[0] for entry in chosen])
    reader = rng.choice(
        [
            "a twelve-year-old",
            "a new colleague",
            "my grandmother",
            "a poster",
            "a glossary",
            "an evening class",
        ]
    )
    asks = [
        f"Explain {names} to {reader} in a sentence or two.",
        f"I need a short text for {reader} about {names}.",
        f"In simple terms, what is meant by {names}? It is for {reader}.",
    ]
    other = rng.choice([entry for entry in CONCEPTS if entry not in chosen])
    follow = (f"Could you do the same for {other[0]}?", other[1])
    return [(rng.choice(asks), "\n\n".join(entry[1] for entry in chosen)), follow]


def sort_words(rng: Sampler) -> list[Exchange]:
    """Sort words by alphabet and by length."""
    words = rng.sample([entry[0] for entry in DEFINITIONS], rng.choice([5, 6, 7]))
    shown = ", ".join(words)
    asks = [
        f"Sort these words alphabetically: {shown}.",
        f"Put {shown} in alphabetical order, please.",
        f"For an index I need {shown} from A to Z.",
    ]
    by_length = sorted(words, key=lambda word: (len(word), word))
    follow = ("Now by length, shortest first.", ", ".join(by_length))
    return [(rng.choice(asks), ", ".join(sorted(words))), follow]


def letters(rng: Sampler) -> list[Exchange]:
    """Reverse a phrase, count its vowels, or shift its letters."""
    words = [rng.choice(DEFINITIONS)[0] for _ in range(rng.choice([2, 3]))]
    phrase = f"{rng.choice(NAMES).lower()} {' '.join(words)}"
    shift = rng.integer(1, 12)
    vowels = sum(phrase.count(vowel) for vowel in "aeiou")
    question, answer = rng.choice(
        [
            (f"Write the text “{phrase}” backwards.", phrase[::-1]),
            (
                f"How many vowels (a, e, i, o, u) are there in “{phrase}”?",
                f"There are {vowels} vowels in “{phrase}”.",
            ),
            (
                f"Encode “{phrase}” with a Caesar cipher that moves each letter {shift} places on.",
                "".join(chr((ord(c) - 97 + shift) % 26 + 97) if c.isalpha() else c for c in phrase),
            ),
            (
                f"Turn “{phrase}” into snake_case and camelCase.",
                f"{phrase.replace(' ', '_')} and {_camel(phrase)}",
            ),
            (
                f"Which initials does “{phrase}” have, in capitals?",
                "".join(w[0] for w in phrase.split()).upper(),
            ),
        ]
    )
    return [(question, answer)]


def _camel(phrase: str) -> str:
    first, *rest = phrase.split()
    return first + "".join(word.capitalize() for word in rest)


def email(rng: Sampler) -> list[Exchange]:
    """Rewrite a curt note as a polite message, then shorten it."""
    sender, reader = rng.sample(NAMES, 2)
    note, polite = rng.choice(_REQUESTS)
    good = rng.choice(GOODS)
    day = rng.choice(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"])
    count = rng.integer(3, 40)
    detail = rng.choice(
        [
            f"it is about {count} {good[1]} that we ordered for the {day} market",
            f"the matter concerns order {count * 37}, {good[1]}, and {day} is the last day",
            f"on {day} we expect {count} visitors who were each promised one {good[0]}",
        ]
    )
    asks = [
        f"Please rewrite this note so that it sounds polite and complete. The reader is {reader}, the "
        f"writer is {sender}, and {detail}. The note says: “{note}”",
        f"{sender} wrote “{note}” to {reader}. Make it a friendly e-mail of three or four sentences, and "
        f"mention that {detail}.",
        f"Turn “{note}” into a courteous message from {sender} to {reader}. Background: {detail}.",
    ]
    answer = (
        f"Dear {reader},\n\nI hope this finds you well. I am writing because {detail}. {polite} Please let "
        f"me know if anything stands in the way.\n\nKind regards\n{sender}"
    )
    follow = (
        "Too long. One sentence, please.",
        f"Dear {reader}, {polite[0].lower()}{polite[1:]} Thank you! {sender}",
    )
    return [(rng.choice(asks), answer), follow]


_REQUESTS = [
    ("Send the invoice now.", "Could you please send us the invoice today?"),
    ("You forgot the keys again.", "Could you please bring the keys that were left behind?"),
    ("Need more time.", "Would it be possible to extend the deadline by a few days?"),
    ("The box arrived broken.", "Could you please replace the box, which arrived damaged?"),
    ("Call me back.", "Could you please call me back when you have a moment?"),
    ("Cancel it.", "Would you kindly cancel the booking for us?"),
    ("Wrong address!", "Could you please correct the address on the label?"),
    ("Where is the van?", "Could you please tell us when the van will arrive?"),
]


def grammar(rng: Sampler) -> list[Exchange]:
    """Correct one sentence and name the rule."""
    wrong, right, rule = rng.choice(_MISTAKES)
    name, other = rng.sample(NAMES, 2)
    good = rng.choice(GOODS)
    fill = {"name": name, "other": other, "good": good[0], "goods": good[1], "n": rng.integer(3, 30)}
    sentence = wrong.format(**fill)
    asks = [
        f"Correct this sentence and explain the mistake: “{sentence}”",
        f"Is “{sentence}” good English?",
        f"My pupil wrote: “{sentence}” What would you mark?",
    ]
    return [(rng.choice(asks), f"It should read: “{right.format(**fill)}” {rule}")]


_MISTAKES = [
    ("{name} have bought {n} {goods}.", "{name} has bought {n} {goods}.", "A singular subject takes “has”."),
    (
        "There is {n} {goods} for {name}.",
        "There are {n} {goods} for {name}.",
        "A plural noun takes “there are”.",
    ),
    (
        "{name} and {other} was looking for {goods}.",
        "{name} and {other} were looking for {goods}.",
        "Two people together are plural, so “were”.",
    ),
    (
        "Yesterday {name} buys {n} {goods}.",
        "Yesterday {name} bought {n} {goods}.",
        "“Yesterday” calls for the past.",
    ),
    (
        "{name} has less {goods} than {other}.",
        "{name} has fewer {goods} than {other}.",
        "Things that can be counted are “fewer”, not “less”.",
    ),
    (
        "{name} could of kept the {good}.",
        "{name} could have kept the {good}.",
        "“Could have” only sounds like “could of”.",
    ),
    (
        "Their is a {good} between {name} and {other}.",
        "There is a {good} between {name} and {other}.",
        "“Their” means belonging to them; the place is “there”.",
    ),
    (
        "{other} gave the {goods} to {name} and I.",
        "{other} gave the {goods} to {name} and me.",
        "After a preposition the object form “me” is right.",
    ),
    (
        "The {good} lost it's colour, said {name}.",
        "The {good} lost its colour, said {name}.",
        "“It's” is short for “it is”; the possessive has no apostrophe.",
    ),
]


def ordering(rng: Sampler) -> list[Exchange]:
    """Deduce an order of four from three comparisons."""
    first, second, third, fourth = rng.sample(NAMES, 4)
    more, most, least = rng.choice(
        [("taller", "tallest", "shortest"), ("older", "oldest", "youngest"), ("faster", "fastest", "slowest")]
    )
    clues = rng.shuffled(
        [
            f"{first} is {more} than {second}",
            f"{second} is {more} than {third}",
            f"{third} is {more} than {fourth}",
        ]
    )
    asks = [
        f"{'; '.join(clues)}. Who is the {most} and who is the {least}?",
        f"A riddle: {join_words(clues)}. Name the {least} of the four, then the {most}.",
        f"If {join_words(clues)}, in which order do the four stand, {most} first?",
    ]
    chain = " > ".join((first, second, third, fourth))
    return [
        (
            rng.choice(asks),
            f"Linking the clues gives {chain}, so {first} is the {most} and {fourth} the {least}.",
        ),
        (
            f"Is {first} {more} than {third}?",
            f"Yes, {first} comes before {second}, and {second} before {third}.",
        ),
    ]


KINDS: tuple[Callable[[Sampler], list[Exchange]], ...] = (
    capitals,
    wrong_capital,
    to_chinese,
    to_english,
    define,
    concepts,
    sort_words,
    letters,
    email,
    grammar,
    ordering,
)
