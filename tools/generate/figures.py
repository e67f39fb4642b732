"""Problems of geometry and of everyday motion, mixture, work and age."""

import math
from collections.abc import Callable

from tools.generate.sampler import Sampler
from tools.generate.tables import NAMES
from tools.generate.traces import Problem


def triangle_area(rng: Sampler) -> Problem:
    """Area of a triangle with integer corners and an integer area."""
    while True:
        ax, ay, bx, by, cx, cy = (rng.integer(-7, 12) for _ in range(6))
        twice = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if twice and twice % 2 == 0:
            break
    area = abs(twice) // 2
    a, b, c = f"({ax}, {ay})", f"({bx}, {by})", f"({cx}, {cy})"
    texts = [
        f"Find the area of the triangle with vertices ${a}$, ${b}$ and ${c}$.",
        f"In the coordinate plane let $A = {a}$, $B = {b}$, $C = {c}$. What is the area of triangle $ABC$?",
        f"A surveyor marks three posts at {a}, {b} and {c} on a map with unit squares. How many square "
        "units lies between them?",
    ]
    ux, uy, vx, vy = bx - ax, by - ay, cx - ax, cy - ay
    cross = (
        f"The vectors from the first vertex are ({ux}, {uy}) and ({vx}, {vy}).",
        f"Their cross product is ({ux}) · ({vy}) - ({vx}) · ({uy}) = {ux * vy} - ({vx * uy}) = {twice}.",
        f"The area is half its absolute value, {abs(twice)} / 2 = {area}.",
    )
    sums = [ax * by - bx * ay, bx * cy - cx * by, cx * ay - ax * cy]
    shoelace = (
        "I use the shoelace formula and go round the triangle.",
        f"The three terms are ({ax})({by}) - ({bx})({ay}) = {sums[0]}, ({bx})({cy}) - ({cx})({by}) = "
        f"{sums[1]} and ({cx})({ay}) - ({ax})({cy}) = {sums[2]}.",
        f"Their sum is {sum(sums)}, so the area is {abs(sum(sums))} / 2 = {area}.",
    )
    width, height = max(ax, bx, cx) - min(ax, bx, cx), max(ay, by, cy) - min(ay, by, cy)
    check = (
        f"The triangle fits into a {width} by {height} box of area {width * height}, and a triangle covers "
        f"at most half of such a box: {area} ≤ {width * height} / 2."
    )
    params = {"ax": ax, "ay": ay, "bx": bx, "by": by, "cx": cx, "cy": cy}
    return Problem(
        "triangle_area", params, rng.choice(texts), "the area", (cross, shoelace), check, str(area)
    )


def rectangle(rng: Sampler) -> Problem:
    """Diagonal of a rectangle from perimeter and one side, by a Pythagorean triple."""
    x, y, z = rng.choice([(3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29), (9, 40, 41)])
    scale = rng.integer(1, 9)
    a, b, d = x * scale, y * scale, z * scale
    perimeter = 2 * (a + b)
    place = rng.choice(["field", "garden", "courtyard", "car park", "playground", "pool"])
    texts = [
        f"A rectangular {place} has a perimeter of {perimeter} m, and one of its sides is {a} m long. How "
        "long is its diagonal, in metres?",
        f"{rng.choice(NAMES)} walks once around a rectangular {place}, {perimeter} m in total. The longer "
        f"side measures {b} m. How many metres would the straight way between opposite corners be?",
        f"Rectangle $ABCD$ has perimeter ${perimeter}$ and $AB = {a}$. Find the length of $AC$.",
    ]
    half = f"Half the perimeter is {perimeter // 2}, so the sides are {a} and {b}."
    pythagoras = (
        half,
        f"By Pythagoras the square of the diagonal is {a}² + {b}² = {a * a} + {b * b} = {d * d}.",
        f"The square root of {d * d} is {d}.",
    )
    similar = (
        half,
        f"Both sides are multiples of {scale}: {a} = {scale} · {x} and {b} = {scale} · {y}.",
        f"The triple {x}, {y}, {z} is Pythagorean, so the diagonal is {scale} · {z} = {d}.",
    )
    check = (
        f"The diagonal must be longer than {max(a, b)} and shorter than {a + b}, and {d}² = {d * d} fits "
        "exactly."
    )
    return Problem(
        "rectangle",
        {"a": a, "perimeter": perimeter},
        rng.choice(texts),
        "the diagonal",
        (pythagoras, similar),
        check,
        str(d),
    )


def box(rng: Sampler) -> Problem:
    """Surface of a box from its volume and two edges."""
    a, b, c = rng.integer(2, 14), rng.integer(2, 14), rng.integer(2, 14)
    volume, surface = a * b * c, 2 * (a * b + b * c + a * c)
    texts = [
        f"A closed box has a volume of {volume} cm³. Its base measures {a} cm by {b} cm. Find its surface "
        "area in square centimetres.",
        f"A cuboid with edges ${a}$, ${b}$ and $h$ has volume ${volume}$. What is the total area of its six "
        "faces?",
        f"{rng.choice(NAMES)} wants to paint a solid block of wood, {a} dm long and {b} dm wide, with a "
        f"volume of {volume} cubic decimetres. How many square decimetres have to be painted?",
    ]
    faces = (
        f"The height is {volume} / ({a} · {b}) = {volume} / {a * b} = {c}.",
        f"The faces have the areas {a} · {b} = {a * b}, {b} · {c} = {b * c} and {a} · {c} = {a * c}, each "
        "twice.",
        f"The surface is 2 · ({a * b} + {b * c} + {a * c}) = {surface}.",
    )
    mantle = (
        f"From the volume the height is {volume} / {a * b} = {c}.",
        f"The side walls form a band of length 2 · ({a} + {b}) = {2 * (a + b)} and height {c}: "
        f"{2 * (a + b) * c}.",
        f"Top and bottom add 2 · {a * b} = {2 * a * b}, so the total is {2 * (a + b) * c} + {2 * a * b} = "
        f"{surface}.",
    )
    check = f"The edges {a}, {b}, {c} give the volume {a} · {b} · {c} = {volume}, as stated."
    return Problem(
        "box",
        {"a": a, "b": b, "volume": volume},
        rng.choice(texts),
        "the surface area",
        (faces, mantle),
        check,
        str(surface),
    )


def meeting(rng: Sampler) -> Problem:
    """Two travellers approach each other, one with a head start."""
    v, w, t, head = rng.integer(12, 90), rng.integer(12, 90), rng.integer(2, 9), rng.integer(1, 3)
    distance = v * head + (v + w) * t
    one, two = rng.sample(NAMES, 2)
    vehicle = rng.choice(["a bicycle", "a van", "a scooter", "a coach", "a motorboat"])
    texts = [
        f"{one} and {two} live {distance} km apart and travel towards each other. {one} sets out {head} h "
        f"earlier at {v} km/h with {vehicle}, {two} follows at {w} km/h from the other end. How many hours "
        f"after {two}'s start do they meet?",
        f"Two trains are {distance} km apart on the same line. The slow starter leaves {head} h after the "
        f"first one. The first runs at {v} km/h, the second, in the opposite direction, at {w} km/h. How "
        "long has the second been running when they meet (in hours)?",
    ]
    relative = (
        f"In the first {head} h the earlier one covers {v} · {head} = {v * head} km, which leaves "
        f"{distance - v * head} km.",
        f"From then on they approach each other at {v} + {w} = {v + w} km/h.",
        f"The time is {distance - v * head} / {v + w} = {t} hours.",
    )
    equation = (
        f"Let t be the time of the later one in hours. The two distances add up: {v}(t + {head}) + {w}t = "
        f"{distance}.",
        f"So {v + w}t + {v * head} = {distance}, that is, {v + w}t = {distance - v * head}.",
        f"This gives t = {t}.",
    )
    check = (
        f"After {t} h the later one has done {w} · {t} = {w * t} km and the earlier one {v} · {t + head} = "
        f"{v * (t + head)} km; the sum is {distance} km."
    )
    params = {"v": v, "w": w, "head": head, "distance": distance}
    return Problem(
        "meeting", params, rng.choice(texts), "the time in hours", (relative, equation), check, str(t)
    )


def work(rng: Sampler) -> Problem:
    """Two workers together."""
    a, b, t = rng.choice(_HOURS)
    job = rng.choice(
        [
            "paint the fence",
            "fill the tank",
            "sort the archive",
            "mow the meadow",
            "copy the tapes",
            "clean the hall",
        ]
    )
    one, two = rng.sample(NAMES, 2)
    unit = rng.choice(["hours", "minutes", "days"])
    texts = [
        f"{one} alone needs {a} {unit} to {job}, {two} alone needs {b} {unit}. How many {unit} do they need "
        "together?",
        f"Machine {one} can {job} in {a} {unit}, machine {two} in {b} {unit}. Both are switched on at the "
        f"same time. After how many {unit} is the job done?",
    ]
    rates = (
        f"In one of the {unit} the first does 1/{a} of the job and the second 1/{b}.",
        f"Together that is 1/{a} + 1/{b} = "
        f"{(a + b) // math.gcd(a + b, a * b)}/{a * b // math.gcd(a + b, a * b)}.",
        f"So the whole job takes {t} {unit}.",
    )
    common = math.lcm(a, b)
    jobs = (
        f"Imagine they work for {common} {unit}. The first would finish {common // a} such jobs, the second "
        f"{common // b}.",
        f"Together they would finish {common // a + common // b} jobs in {common} {unit}.",
        f"One job therefore takes {common} / {common // a + common // b} = {t} {unit}.",
    )
    check = (
        f"In {t} {unit} the first does {t}/{a} and the second {t}/{b} of the job, and {t} · {b} + {t} · {a} "
        f"= {t * (a + b)} = {a} · {b}, so the parts add up to 1."
    )
    return Problem(
        "work", {"a": a, "b": b}, rng.choice(texts), f"the time in {unit}", (rates, jobs), check, str(t)
    )


_HOURS = [
    (3, 6, 2),
    (4, 12, 3),
    (6, 12, 4),
    (10, 15, 6),
    (20, 30, 12),
    (12, 24, 8),
    (12, 36, 9),
    (18, 36, 12),
    (15, 30, 10),
    (30, 45, 18),
    (24, 40, 15),
    (14, 35, 10),
    (21, 28, 12),
    (20, 60, 15),
    (40, 60, 24),
    (9, 18, 6),
]
"""Hours alone, hours alone, hours together: whole numbers with 1/a + 1/b = 1/t."""


def mixture(rng: Sampler) -> Problem:
    """How much of a weak solution dilutes a strong one to a wanted strength."""
    weak, strong = rng.integer(1, 8) * 5, rng.integer(10, 18) * 5
    wanted = rng.choice(range(weak + 5, strong, 5))
    scale = rng.integer(1, 6)
    common = math.gcd(strong - wanted, wanted - weak)
    x, y = (strong - wanted) // common * scale, (wanted - weak) // common * scale
    stuff, name = (
        rng.choice(["vinegar", "salt solution", "antifreeze", "juice", "alcohol", "dye"]),
        rng.choice(NAMES),
    )
    texts = [
        f"{name} has {y} litres of {strong}-percent {stuff}. How many litres of {weak}-percent {stuff} must "
        f"be added to get {wanted}-percent {stuff}?",
        f"A tank contains {y} litres of {stuff} at a strength of {strong} %. A second tank holds {stuff} at "
        f"{weak} %. How many litres from the second tank bring the first down to {wanted} %?",
    ]
    balance = (
        f"Let x be the litres that are added. The pure substance is {strong} · {y} + {weak}x hundredths of "
        "a litre.",
        f"It must equal {wanted}({y} + x), so {strong * y} + {weak}x = {wanted * y} + {wanted}x.",
        f"Thus {wanted - weak}x = {strong * y - wanted * y} and x = {x}.",
    )
    cross = (
        f"By the rule of alligation the weak part relates to the strong part as {strong} - {wanted} to "
        f"{wanted} - {weak}, that is, {strong - wanted} : {wanted - weak}.",
        f"The strong part is {y} litres, so the weak part is {y} · {strong - wanted} / {wanted - weak} = "
        f"{x}.",
    )
    check = (
        f"The mixture has {x + y} litres and contains {strong * y} + {weak * x} = {strong * y + weak * x} "
        f"hundredths, which is {wanted} · {x + y}."
    )
    params = {"weak": weak, "strong": strong, "wanted": wanted, "y": y}
    return Problem(
        "mixture", params, rng.choice(texts), "the number of litres", (balance, cross), check, str(x)
    )


def ages(rng: Sampler) -> Problem:
    """Ages now from a sum and a ratio in the past."""
    child, ago, times = rng.integer(6, 20), rng.integer(1, 5), rng.integer(2, 6)
    older = times * (child - ago) + ago
    total = child + older
    one, two = rng.sample(NAMES, 2)
    texts = [
        f"{one} and {two} are {total} years old together. {ago} years ago {two} was {times} times as old as "
        f"{one}. How old is {one} today?",
        f"The ages of {two} and {one} add up to {total}. Going back {ago} years, {two}'s age was {times} "
        f"times that of {one}. Find the present age of {one}.",
    ]
    back = (
        f"{ago} years ago the sum of the ages was {total} - 2 · {ago} = {total - 2 * ago}.",
        f"Then {two} had {times} parts and {one} one part, {times + 1} parts in all, so one part is "
        f"{total - 2 * ago} / {times + 1} = {child - ago}.",
        f"Today {one} is {child - ago} + {ago} = {child}.",
    )
    equation = (
        f"Let x be the age of {one}; then {two} is {total} - x.",
        f"The condition is {total} - x - {ago} = {times}(x - {ago}), or {total - ago} - x = {times}x - "
        f"{times * ago}.",
        f"So {times + 1}x = {total - ago + times * ago} and x = {child}.",
    )
    check = (
        f"{two} is {older}, the sum is {child} + {older} = {total}, and {ago} years ago {older - ago} = "
        f"{times} · {child - ago}."
    )
    params = {"total": total, "ago": ago, "times": times}
    return Problem(
        "ages", params, rng.choice(texts), f"the age of {one}", (back, equation), check, str(child)
    )


KINDS: tuple[Callable[[Sampler], Problem], ...] = (
    triangle_area,
    rectangle,
    box,
    meeting,
    work,
    mixture,
    ages,
)
