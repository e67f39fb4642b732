"""A published version in miniature: the columns and the manifest that training reads, written by hand."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import in_full
from thinkmix.curation.tables import EXAMPLES
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.manifest import FileEntry, Manifest
from thinkmix.templates.chat.tokenizer import encode, tokenizer_digest

Example = dict[str, object]


def manifest_of(files: Mapping[str, FileEntry]) -> Manifest:
    source = {"kind": "local", "name": "sums", "format": "messages", "files": ["*.jsonl"]}
    recipe = {"name": "sums", "sources": [source], "mix": {"shares": {"sums": 1.0}}}
    return Manifest(
        mixture="sums",
        recipe=in_full(recipe),
        sources=(),
        template="qwen3",
        template_sha256="1" * 64,
        tokenizer_sha256=tokenizer_digest(),
        code_sha256="2" * 64,
        libraries={},
        ledger=Ledger(stages=()),
        shares=(),
        content_sha256="3" * 64,
        files=files,
    )


@pytest.fixture(scope="session", autouse=True)
def _tiny(tiny: None) -> None:
    """Sample the tiny model once for all tests of this room."""


@pytest.fixture(scope="session")
def digest_of() -> Callable[[Path], str]:
    """Name a version: the sha256 of its manifest."""
    return lambda version: sha256((version / "manifest.json").read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def chat() -> Callable[..., Example]:
    """Make one example: a thinking turn when it has a reasoning, else the empty block ends its prompt."""

    def make(question: str, answer: str, *, reasoning: str | None = None) -> Example:
        prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        trace = f"<think>\n{reasoning}\n</think>\n\n"
        if reasoning is None:
            prompt, trace = f"{prompt}<think>\n\n</think>\n\n", ""
        completion = f"{trace}{answer}<|im_end|>\n"
        turn = {"reasoning_content": None, "tool_calls": None}
        return {
            "id": sha256(f"{prompt}{completion}".encode()).hexdigest()[:32],
            "source": "chat" if reasoning is None else "math",
            "thinking": reasoning is not None,
            "messages": [
                {**turn, "role": "user", "content": question},
                {**turn, "role": "assistant", "content": answer, "reasoning_content": reasoning},
            ],
            "tools": None,
            "prompt": prompt,
            "completion": completion,
            "prompt_tokens": len(encode(prompt)),
            "completion_tokens": len(encode(completion)),
        }

    return make


@pytest.fixture(scope="session")
def sums(chat: Callable[..., Example]) -> list[Example]:
    """Give 16 small sums with a trace and 16 short replies without one, all different, of many lengths."""
    math = [chat(f"{n} + 2 = ?", f"It is {n + 2}.", reasoning=f"{n} plus 2" + ", so" * n) for n in range(16)]
    return math + [chat(f"Say {n}.", f"{n}" + "!" * n) for n in range(16)]


@pytest.fixture(scope="session")
def publish_to() -> Callable[..., Path]:
    """Write a version folder into another: shards of training rows, one file of held-out rows, a manifest."""

    def write(
        parent: Path,
        rows: Sequence[Example],
        *,
        held_out: Sequence[Example] = (),
        shards: int = 1,
        name: str = "version",
    ) -> Path:
        folder = parent / name
        folder.mkdir()
        tables = {f"train-{n:05}.parquet": rows[n::shards] for n in range(shards)}
        tables["eval-00000.parquet"] = held_out
        tables = {file: part for file, part in tables.items() if part}
        for file, part in tables.items():
            kinds = {name: EXAMPLES[name] for name in ("messages", "tools") if name in part[0]}
            pl.DataFrame(list(part), schema_overrides=kinds).write_parquet(folder / file, row_group_size=5)
        files = {
            file: FileEntry(sha256=sha256((folder / file).read_bytes()).hexdigest(), bytes=1, rows=len(part))
            for file, part in tables.items()
        }
        (folder / "manifest.json").write_text(manifest_of(files).model_dump_json())
        return folder

    return write


@pytest.fixture
def publish(tmp_path: Path, publish_to: Callable[..., Path]) -> Callable[..., Path]:
    """Write a version folder into the test's own."""
    return partial(publish_to, tmp_path)
