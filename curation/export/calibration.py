"""Quantisers: whole rows as text, as GPTQ and AWQ tools calibrate on."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import ClassVar

import orjson

from thinkmix.curation.export.handoff import DATA, Handoff, block, room
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.version import Example
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.manifest import Split

_SCRIPT = "quantise.py"


class Calibration(Handoff):
    """Whole rows as text for GPTQ and AWQ tools, and a script for llm-compressor."""

    name: ClassVar[str] = "calibration"
    readers: ClassVar[str] = "llm-compressor, GPTQModel, AutoAWQ"
    title: ClassVar[str] = "quantisers"
    tested: ClassVar[str] = "llmcompressor 0.14.0.1"
    splits: ClassVar[tuple[Split, ...]] = ("train",)
    held: ClassVar[Mapping[str, str]] = {
        "prompt": "the beginning of text",
        "completion": "the end of text",
        "source": "source",
    }
    left_out: ClassVar[Mapping[str, str]] = {
        "id": "line N of the file is row N of train",
        "conversation_id": "as id",
        "turn": "as id",
        "thinking": "as id",
        "messages": "the text holds them",
        "tools": "as messages",
        "prompt_tokens": "the tool counts",
        "completion_tokens": "as prompt_tokens",
    }
    pitfalls: ClassVar[Mapping[str, str]] = {
        "they calibrate on web text unless told otherwise": "the rows are what the model was trained on",
        "they render chats by a template of their own": "the text is rendered already",
        "they take the first rows of a file": (
            "`thinkmix calibrate` samples a few hundred by source, mode and length instead"
        ),
        "AWQ of llm-compressor needs an accelerator": "GPTQ runs on a CPU, too",
    }

    def file(self, split: Split) -> str:
        """Return the name of the file that holds a split."""
        return f"{DATA}/{split}.jsonl"

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write a line an example."""
        with file.open("wb") as out:
            for example in examples:
                out.write(orjson.dumps(_row(example), option=orjson.OPT_APPEND_NEWLINE))

    def check(self, examples: Iterable[Example], file: Path) -> None:
        """Compare each line with its example.

        Raises:
            LedgerError: naming the first line that differs, is missing or is surplus.
        """
        for number, (example, row) in enumerate(zip_longest(examples, _lines(file))):
            if example is None or row != _row(example):
                msg = f"{file.name} row {number} reads back differently: a bug in Thinkmix"
                raise LedgerError(msg)

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script."""
        text = block(f'''
            """Quantise a model to 4 bit with llm-compressor, calibrated on the first rows of data."""

            from datasets import load_dataset
            from llmcompressor import oneshot
            from llmcompressor.modifiers.quantization import GPTQModifier
            from transformers import AutoModelForCausalLM, AutoTokenizer

            MODEL = {json.dumps(self.model)}

            tokenizer = AutoTokenizer.from_pretrained(MODEL)
            rows = load_dataset("json", data_files="{self.file("train")}", split="train[:256]")
            rows = rows.map(
                lambda row: tokenizer(row["text"], add_special_tokens=False),
                remove_columns=rows.column_names,
            )
            oneshot(
                model=AutoModelForCausalLM.from_pretrained(MODEL, dtype="auto"), dataset=rows,
                recipe=GPTQModifier(targets="Linear", scheme="W4A16", ignore=["lm_head"]),
                max_seq_length={room(counts)}, num_calibration_samples=len(rows), output_dir="quantised",
            )
        ''')
        return {_SCRIPT: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the script."""
        return f"python {_SCRIPT}"


def _row(example: Example) -> dict[str, str]:
    return {"text": example.prompt + example.completion, "source": example.source}


def _lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open("rb") as lines:
        yield from map(orjson.loads, lines)
