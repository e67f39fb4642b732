"""Texts that make careless filters run for hours: each goes through each filter in a moment."""

import time
from collections.abc import Callable
from functools import partial
from io import StringIO

import polars as pl
import pytest
from rich.console import Console

from thinkmix.curation.audit.overlap import cut_words
from thinkmix.curation.read.read import RawRow, raw_json
from thinkmix.curation.text.shingles import shingle_hashes
from thinkmix.curation.validate.rowwise import Origin, judge
from thinkmix.flows.cli.show.printing import say
from thinkmix.flows.sources.settings import LocalSource
from thinkmix.templates.chat.tokenizer import count_tokens, encode

SIZE = 300_000
"""Characters of each text."""

SECONDS = 2.0
"""Most processor time of one filter on one text; what grows with the square of a text takes minutes."""

HOSTILE = {
    name: part * (SIZE // len(part))
    for name, part in {
        "one letter": "a",
        "spaces": " ",
        "line breaks": "\n",
        "opened traces": "<think>",
        "closed traces": "</think>",
        "nearly a tag": "<think",
        "nearly a control token": "<|im_start|",
        "brackets": "[",
        "backslashes": "\\",
        "digits": "0",
        "accents out of order": "\u0301\u0323",
        "marks and links": "**_`[](",
        "characters of three bytes": "中",
        "joined emoji": "👩\u200d",
    }.items()
}


SOURCES = {
    "openmathreasoning": lambda text: {"problem": text, "generated_solution": text},
    "sharegpt": lambda text: {"conversations": turns("from", "value", text, ("human", "gpt"))},
    "alpaca": lambda text: {"instruction": text, "output": text, "note": text},
    "messages": lambda text: {"messages": turns("role", "content", text, ("user", "assistant"))},
}


def turns(who: str, what: str, text: str, speakers: tuple[str, str]) -> list[dict[str, str]]:
    """Return two turns that say the text."""
    return [{who: speaker, what: text} for speaker in speakers]


def judged(text: str, format: str) -> object:
    """Validate a row of the format that says the text."""
    source = LocalSource(name="s", files=("*",), format=format)
    row = RawRow(0, SOURCES[format](f"x {text} x"), None, "")
    return judge(row, origin=Origin(source, "f"), max_row_bytes=10 * SIZE)


FILTERS: dict[str, Callable[[str], object]] = {
    **{f"validation of {format}": partial(judged, format=format) for format in SOURCES},
    "quarantine": lambda text: raw_json(RawRow(0, {"text": text}, None, "")),
    "shingles": lambda text: shingle_hashes(pl.Series([text]), shingle=5),
    "words": cut_words,
    "tokens": lambda text: count_tokens([text]),
    "ids": encode,
    "terminal": lambda text: say(Console(file=StringIO()), text, wrap=True),
}


@pytest.mark.acceptance("A28")
@pytest.mark.parametrize("filter", FILTERS)
def test_hostile_text_takes_no_longer_than_other_text(filter: str) -> None:
    """Each hostile text goes through the filter in two seconds of a processor or less."""
    work = FILTERS[filter]
    work("What compiles or loads at the first call is not what is measured.")
    took = {}
    for name, text in HOSTILE.items():
        began = time.process_time()
        work(text)
        took[name] = time.process_time() - began
    assert {name: seconds for name, seconds in took.items() if seconds > SECONDS} == {}
