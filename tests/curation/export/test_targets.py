"""Exports for single trainers: what stands beside the data, and what the rules of readers make of it."""

import json
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from tests.curation.export.test_exporters import ACTS, CHAT
from thinkmix.curation.export import known
from thinkmix.curation.export.alpaca import Alpaca
from thinkmix.curation.export.choices import read_choices
from thinkmix.curation.export.evalscope import EvalScope
from thinkmix.curation.export.handoff import README, Handoff
from thinkmix.curation.export.hf_trainer import HfTrainer
from thinkmix.curation.export.llamafactory import LlamaFactory
from thinkmix.curation.export.nemotron import Nemotron
from thinkmix.curation.export.reading import IGNORE
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.swift import Swift
from thinkmix.curation.export.trl import Trl
from thinkmix.curation.export.version import Example
from thinkmix.schemas.errors import LedgerError
from thinkmix.templates.chat.tokenizer import encode

COUNTS = {"train": Counts(examples=3, longest=70), "eval": Counts(examples=1, longest=90)}
HANDOFFS = [kind for kind in known.EXPORTERS if issubclass(kind, Handoff)]


def row(number: int, answer: str = "One.") -> Example:
    """Make a row with the numbers of tokens that its texts have."""
    prompt, completion = (
        f"<|im_start|>user\n{number}?<|im_end|>\n<|im_start|>assistant\n",
        f"{answer}<|im_end|>\n",
    )
    return CHAT._replace(
        id=f"{number}",
        prompt=prompt,
        completion=completion,
        prompt_tokens=len(encode(prompt)),
        completion_tokens=len(encode(completion)),
    )


ROWS = [row(1), row(2, "Two, and no more."), row(3, "{{idx}} {{content}}")]


def written(kind: type[Handoff], folder: Path, **options: object) -> Path:
    to = kind.model_validate(options)
    file = folder / to.file("train")
    file.parent.mkdir(parents=True, exist_ok=True)
    to.write(iter(ROWS), file)
    to.check(iter(ROWS), file)
    return file


@pytest.mark.parametrize("kind", HANDOFFS, ids=lambda kind: kind.name)
def test_what_stands_beside_the_data_can_be_read(kind: type[Handoff]):
    """Configs and scripts parse, and name the model; the README shows the command and every pitfall."""
    to = kind(model="Qwen/Qwen3-8B")
    counts = {split: COUNTS[split] for split in to.splits}
    files = to.files(counts)
    readers = {".yaml": yaml.safe_load, ".json": json.loads}
    readers[".py"] = lambda text: compile(text, "script", "exec")
    for name, text in files.items():
        if name != README:
            readers[Path(name).suffix](text)
    line = to.line(counts)
    assert "Qwen/Qwen3-8B" in line + "".join(files.values())
    assert f"$ {line}\n" in files[README]
    assert all(f"| {wrong} | {avoided} |" in files[README] for wrong, avoided in to.pitfalls.items())
    assert to.command(Path("/a b"), counts) == f"cd '/a b' && {line}"


@pytest.mark.parametrize("kind", HANDOFFS, ids=lambda kind: kind.name)
def test_without_rows_to_train_on_there_is_no_config(kind: type[Handoff]):
    """Held-out rows alone have a README, and no command."""
    if "train" in kind.splits and "eval" in kind.splits:
        files = kind().files({"eval": COUNTS["eval"]})
        assert "$ " not in files[README]
        assert not {".yaml", ".py"} & {Path(name).suffix for name in files}


def test_no_trainer_is_told_a_length_that_cuts_a_row():
    """At the very length of a row LLaMA-Factory may cut its last token."""
    config = yaml.safe_load(LlamaFactory().files(COUNTS)["llamafactory.yaml"])
    assert config["cutoff_len"] == 91
    assert yaml.safe_load(Trl().files(COUNTS)["trl.yaml"])["max_length"] == 91
    assert "--max_length 91" in Swift().line(COUNTS)


def test_llamafactory_reads_prompts_as_system_turns(tmp_path: Path):
    """Its question would lose `{{idx}}`; the files that its config names are those that there are."""
    info = json.loads(LlamaFactory().files(COUNTS)["dataset_info.json"])
    assert info["mixture_train"]["columns"] == {"system": "prompt", "response": "completion"}
    assert [entry["file_name"] for entry in info.values()] == ["train.jsonl", "eval.jsonl"]
    lines = written(LlamaFactory, tmp_path).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[2]) == {"prompt": ROWS[2].prompt, "completion": ROWS[2].completion}


def test_a_pack_masks_one_place_before_what_is_learned(tmp_path: Path):
    """Megatron pairs the mask of a token with the label after it; packs hold whole rows, in order."""
    size = sum(len(encode(one.prompt + one.completion)) for one in ROWS[:2])
    file = written(Nemotron, tmp_path, tokens=size)
    first, second = pq.read_table(file).to_pylist()
    ids, start = encode(ROWS[0].prompt + ROWS[0].completion), ROWS[0].prompt_tokens
    assert first["seq_start_id"] == [0, len(ids)]
    assert second["seq_start_id"] == [0]
    assert first["loss_mask"][: len(ids)] == [0] * (start - 1) + [1] * (len(ids) - start) + [0]
    read = list(Nemotron().read(file))
    assert [one.ids for one in read] == [encode(one.prompt + one.completion) for one in ROWS]
    assert [one.labels.count(IGNORE) for one in read] == [one.prompt_tokens for one in ROWS]


def test_alpaca_is_one_array_whose_outputs_have_no_end_token(tmp_path: Path):
    """The trainer appends it; any JSON reader reads the array."""
    rows = json.loads(written(Alpaca, tmp_path).read_bytes())
    assert rows[0] == {"instruction": ROWS[0].prompt, "input": "", "output": "One."}
    assert len(rows) == 3


def test_evalscope_takes_no_row_with_tools():
    """It cannot read turns that call them, and offers none."""
    assert EvalScope().takes(CHAT)
    assert not EvalScope().takes(ACTS)
    assert not EvalScope().takes(ACTS._replace(tools=None))


def test_evalscope_has_a_subset_for_each_source_and_mode(tmp_path: Path):
    """A question is the turns before the answer, without traces."""
    out = tmp_path / "eval.jsonl"
    EvalScope().write([CHAT, CHAT._replace(source="math", thinking=False)], out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "chat_thinking.jsonl",
        "eval.jsonl",
        "math_plain.jsonl",
    ]
    first, _ = map(json.loads, out.read_bytes().splitlines())
    assert first == {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "2+3?"},
        ],
        "response": "5",
    }


ASKED = "Which is even?\n(A) 1\n(B) 3\n(C) 4\n(D) 5"


def test_evalscope_asks_questions_with_choices_as_such(tmp_path: Path):
    """They stand in a folder of their own, too, by source and mode."""
    told = [
        {"role": "user", "content": ASKED, "reasoning_content": None, "tool_calls": None},
        {"role": "assistant", "content": "It is \\boxed{C}.", "reasoning_content": None, "tool_calls": None},
    ]
    (tmp_path / "qa").mkdir()
    EvalScope().write([CHAT, CHAT._replace(messages=told)], tmp_path / "qa" / "eval.jsonl")
    (file,) = (tmp_path / "mcq").iterdir()
    assert file.name == "chat_thinking_val.jsonl"
    assert json.loads(file.read_bytes()) == {
        "id": CHAT.id, "question": "Which is even?", "A": "1", "B": "3", "C": "4", "D": "5", "answer": "C",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("question", "response"),
    [
        (ASKED, "4"),
        (ASKED, "The answer is E."),
        (ASKED.replace("(D) 5", ""), "C"),
        (ASKED.replace("(B)", "(C)"), "C"),
        (f"{ASKED}\nExplain.", "C"),
        (ASKED.partition("\n")[2], "C"),
    ],
)
def test_what_is_no_question_with_choices_is_none(question: str, response: str):
    """No letter, a letter beyond the choices, too few, one twice, a text behind them, and no question."""
    assert read_choices(ASKED, "The answer is **C**.")
    assert read_choices(question, response) is None


@pytest.mark.parametrize("kind", [HfTrainer, Nemotron, Trl, Alpaca], ids=lambda kind: kind.name)
def test_the_check_notices_rows_that_differ(kind: type[Handoff], tmp_path: Path):
    """Another row, a row less and a row more."""
    file = written(kind, tmp_path)
    for wrong in ([*ROWS[:2], row(4)], ROWS[:2], [*ROWS, row(4)]):
        with pytest.raises(LedgerError, match="reads back differently"):
            kind().check(wrong, file)


def test_ids_that_are_not_as_many_as_published_are_refused(tmp_path: Path):
    """The version counts its tokens; a tokenizer that counts others is another one."""
    with pytest.raises(LedgerError, match=r"example 1 has 10 and 4 tokens, the version says 10 and 5"):
        HfTrainer().write([ROWS[0]._replace(completion_tokens=5)], tmp_path / "train.parquet")


@pytest.mark.parametrize("kind", HANDOFFS, ids=lambda kind: kind.name)
def test_a_model_whose_name_has_a_blank_stays_one_word(kind: type[Handoff]):
    """In the command, or as a text of the script or config that it runs."""
    to = kind(model="a/my model")
    texts = [text for name, text in to.files(COUNTS).items() if name != README]
    assert "a/my model" in shlex.split(to.line(COUNTS)) or '"a/my model"' in "".join(texts)
