"""How much planted damage repairs take back byte for byte, and what they edit in rows that are whole.

`python -m benchmarks.repairs` reads answers of the stand-in hub (`--real`, default ../shared), prints the
edits that all repairs make in `--clean` of them, for a person to judge, and plants each kind of damage in up
to `--planted` others, which no repair edits, by a fixed seed. A row is restored if its trace and its answer
are those of the row before it was damaged.
"""

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from time import process_time
from typing import NamedTuple

import polars as pl

from benchmarks.measure import ROOT
from thinkmix.curation.repairs.contract import Edit, edited, mended, prose
from thinkmix.curation.repairs.known import REPAIRS
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.think import CLOSE, split_think

SEED = 20261201
_QUOTED = 8
"""Characters of prose that are escaped, at most."""
_NEXT = ("\n\nHuman:", "\nHuman: ", "\n\n### User:\n", "\n\n**Human:**")


class Said(NamedTuple):
    """An answer as its row writes it, and what it answers."""

    asked: str
    text: str


Plant = Callable[[str, random.Random], str | None]
"""Returns an answer with damage, or nothing where it has no place for it."""


def _parts(text: str) -> tuple[str, str] | None:
    trace, answer = split_think(text)
    return (trace.strip("\n"), answer.lstrip("\n")) if trace else None


def _markers(text: str, chance: random.Random) -> str | None:
    if (parts := _parts(text)) is None:
        return None
    trace, answer = parts
    return chance.choice(
        (
            f"think\n{trace}\nanswer\n{answer}",
            f"<thinking>\n{trace}\n</thinking>\n\n{answer}",
            f"<thought>{trace}</thought>\n{answer}",
            f"<|begin_of_thought|>\n\n{trace}\n\n<|end_of_thought|>\n\n"
            f"<|begin_of_solution|>\n\n{answer}\n\n<|end_of_solution|>",
        )
    )


def _cut(text: str, chance: random.Random) -> str | None:
    if "<answer>" not in text or _parts(text) is None:
        return None
    return text.replace(CLOSE, "")


def _in_prose(
    text: str, chance: random.Random, at: Callable[[str], bool], put: Callable[[str], str]
) -> str | None:
    """Return a text in which some characters of prose are replaced."""
    places = [place for start, end in prose(text) for place in range(start, end) if at(text[place])]
    chosen = sorted(chance.sample(places, min(_QUOTED, len(places))))
    return edited(text, [Edit(place, place + 1, put(text[place])) for place in chosen]) if chosen else None


def _escaped(text: str, chance: random.Random) -> str | None:
    if "&" in text:  # may hold entities that are meant
        return None
    return _in_prose(text, chance, "'\"".__contains__, escape)


def _speaker(text: str, chance: random.Random) -> str | None:
    return text.rstrip() + chance.choice(_NEXT)


def _unseen(text: str, chance: random.Random) -> str | None:
    mark = chance.choice("\u200b\u2060\ufeff")
    return _in_prose(text, chance, str.isspace, lambda space: mark + space)


PLANTS: Mapping[str, Plant] = {
    "foreign_markers": _markers,
    "cut_trace": _cut,
    "entities": _escaped,
    "next_speaker": _speaker,
    "zero_width": _unseen,
}


def answers(real: Path) -> Iterator[Said]:
    """Yield the answers of the stand-in hub that are whole, in the order of the files."""
    for shard in sorted((real / "hub/nvidia/OpenMathReasoning/data").glob("*.parquet")):
        yield from map(
            Said._make, pl.read_parquet(shard, columns=["problem", "generated_solution"]).iter_rows()
        )
    for shard in sorted((real / "hub/mlabonne/FineTome-100k/data").glob("*.parquet")):
        for (turns,) in pl.read_parquet(shard, columns=["conversations"]).iter_rows():
            if [turn["from"] for turn in turns] == ["human", "gpt"]:
                yield Said(turns[0]["value"], turns[1]["value"])


def _message(text: str) -> Message | None:
    try:
        trace, answer = split_think(text)
        return Message(role="assistant", content=answer, reasoning=trace)
    except ValueError:
        return None


def _mended(said: Said) -> tuple[str, Sequence[str]]:
    text, patches = mended(REPAIRS, "assistant", said.text, [{"content": said.asked}])
    return text, [patch.repair for patch in patches]


def main() -> None:
    """Print edits of valid rows, and what was restored of each kind of damage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", type=Path, default=ROOT / "../shared")
    parser.add_argument("--clean", type=int, default=10_000)
    parser.add_argument("--planted", type=int, default=400)
    stated = parser.parse_args()
    chance = random.Random(SEED)
    valid = [said for said in answers(stated.real) if said.text and _message(said.text)]
    chance.shuffle(valid)
    clean = valid[: stated.clean]
    start = process_time()
    made = [(said, names) for said in clean if (names := _mended(said)[1])]
    spent = process_time() - start
    size = sum(len(said.text.encode()) for said in clean)
    print(f"{len(clean)} valid rows, {len(made)} edited, {size / 1e6 / spent:.0f} MB/s")
    print(dict(Counter(name for _, names in made for name in set(names))))
    for said, names in made:
        print("edited:", sorted(set(names)), repr(said.text[:80]))
    whole = [said for said in valid if not _mended(said)[1]]
    for name, plant in PLANTS.items():
        planted = restored = 0
        for said in whole:
            damaged = plant(said.text, chance)
            if damaged is None or damaged == said.text:
                continue
            planted += 1
            restored += _message(_mended(Said(said.asked, damaged))[0]) == _message(said.text)
            if planted == stated.planted:
                break
        print(f"{name}: {restored} of {planted} restored ({restored / max(planted, 1):.1%})")


if __name__ == "__main__":
    main()
