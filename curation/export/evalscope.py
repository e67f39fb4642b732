"""EvalScope: held-out questions with their reference answers, a subset for each source and mode."""

import shlex
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, ClassVar

import orjson

from thinkmix.curation.export.choices import read_choices
from thinkmix.curation.export.handoff import Handoff, block
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.version import Example
from thinkmix.schemas.errors import LedgerError
from thinkmix.schemas.manifest import Split

_FOLDER, _CHOICES, _SCRIPT = "qa", "mcq", "evaluate.py"


class EvalScope(Handoff):
    """Held-out rows as EvalScope's `general_qa`, those with choices as `general_mcq`, by source and mode."""

    name: ClassVar[str] = "evalscope"
    readers: ClassVar[str] = "`evalscope eval`, `general_qa` and `general_mcq`"
    title: ClassVar[str] = "EvalScope"
    tested: ClassVar[str] = "evalscope 1.14.1"
    splits: ClassVar[tuple[Split, ...]] = ("eval",)
    refused: ClassVar[str] = "their turns call tools, which EvalScope cannot read"
    held: ClassVar[Mapping[str, str]] = {
        "messages": "messages, all but the last one; its text is the response",
        "source": "name of the subset",
        "thinking": "name of the subset",
        "completion": "response, without trace and end token",
    }
    left_out: ClassVar[Mapping[str, str]] = {
        "id": "lines of eval.jsonl are in the order of the split",
        "conversation_id": "as id",
        "tools": "rows with tools are left out",
        "turn": "as id",
        "prompt": "the endpoint renders the messages",
        "prompt_tokens": "as prompt",
        "completion_tokens": "as prompt",
    }
    pitfalls: ClassVar[Mapping[str, str]] = {
        "it has no held-out rows of yours": "the subsets are the version's, which no training row resembles",
        "it compares texts by ROUGE and BLEU, which do not judge a long answer": (
            "compare two models on the same subsets, and read the answers"
        ),
        "it hands no tools to the endpoint, and stops at turns that call them": (
            "rows with tools are left out; export.json says how many"
        ),
        "an endpoint thinks or not by its own default": (
            f"`{_SCRIPT}` asks for thinking in the subsets of rows that think, and against it in the others"
        ),
    }

    def file(self, split: Split) -> str:
        """Return the name of the file that holds all rows."""
        return f"{_FOLDER}/{split}.jsonl"

    def takes(self, example: Example) -> bool:
        """Return whether no turn calls a tool or answers such a call, and none is offered."""
        called = (turn["role"] == "tool" or turn["tool_calls"] for turn in example.messages)
        return example.tools is None and not any(called)

    def write(self, examples: Iterable[Example], file: Path) -> None:
        """Write each row into the file of all, into that of its source and mode, and into that of choices."""
        subsets: dict[Path, IO[bytes]] = {}
        with ExitStack() as files:
            out = files.enter_context(file.open("wb"))
            for example in examples:
                line = orjson.dumps(self.row(example), option=orjson.OPT_APPEND_NEWLINE)
                out.write(line)
                name = f"{example.source}_{'thinking' if example.thinking else 'plain'}"
                parts = {file.parent / f"{name}.jsonl": line}
                if choices := self.choices(example):
                    option = orjson.dumps(choices, option=orjson.OPT_APPEND_NEWLINE)
                    parts[file.parent.parent / _CHOICES / f"{name}_val.jsonl"] = option
                for path, text in parts.items():
                    if path not in subsets:
                        path.parent.mkdir(exist_ok=True)
                        subsets[path] = files.enter_context(path.open("wb"))
                    subsets[path].write(text)

    def check(self, examples: Iterable[Example], file: Path) -> None:
        """Compare each line with its example.

        Raises:
            LedgerError: naming the first line that differs, is missing or is surplus.
        """
        with file.open("rb") as lines:
            for number, (example, line) in enumerate(zip_longest(examples, lines)):
                if example is None or line is None or orjson.loads(line) != self.row(example):
                    msg = f"{file.name} row {number} reads back differently: a bug in Thinkmix"
                    raise LedgerError(msg)

    def row(self, example: Example) -> dict[str, Any]:
        """Return an example as a question with the turns before it, and the answer that it teaches."""
        turns = [
            {name: value for name, value in turn.items() if value is not None and name != "reasoning_content"}
            for turn in example.messages
        ]
        return {"messages": turns[:-1], "response": turns[-1]["content"]}

    def choices(self, example: Example) -> dict[str, str] | None:
        """Return an example as a question with choices; None if it has none, or turns before its question."""
        if len(example.messages) != 2 or example.messages[0]["role"] != "user":
            return None
        found = read_choices(example.messages[0]["content"], example.messages[-1]["content"])
        if found is None:
            return None
        return {"id": example.id, "question": found.question, **found.options, "answer": found.answer}

    def files(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script and the README."""
        text = block('''
            """Ask an endpoint the questions of each subset: `evaluate.py MODEL URL [LIMIT]`."""

            import sys
            from pathlib import Path

            from evalscope import TaskConfig, run_task

            model, url, *limit = sys.argv[1:]
            for mode in ("thinking", "plain"):
                sets = {
                    "general_qa": sorted(path.stem for path in Path("qa").glob(f"*_{mode}.jsonl")),
                    "general_mcq": sorted(
                        path.stem.removesuffix("_val") for path in Path("mcq").glob(f"*_{mode}_val.jsonl")
                    ),
                }
                if sets := {name: subsets for name, subsets in sets.items() if subsets}:
                    run_task(
                        TaskConfig(
                            model=model, api_url=url, api_key="EMPTY", eval_type="openai_api",
                            datasets=list(sets), limit=int(limit[0]) if limit else None,
                            dataset_args={
                                name: {"local_path": name.removeprefix("general_"), "subset_list": subsets}
                                for name, subsets in sets.items()
                            },
                            generation_config={
                                "temperature": 0.0,
                                "max_tokens": 4096 if mode == "thinking" else 1024,
                                "extra_body": {
                                    "chat_template_kwargs": {"enable_thinking": mode == "thinking"}
                                },
                            },
                            work_dir=f"results/{mode}",
                        )
                    )
        ''')
        return {_SCRIPT: text, **super().files(counts)}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the script with a model and the address of its endpoint."""
        return f"python {_SCRIPT} {shlex.quote(self.model)} http://127.0.0.1:8000/v1"
