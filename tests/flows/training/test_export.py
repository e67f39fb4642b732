"""`thinkmix export`: files that say what the version says, whole or not at all, with every exporter."""

import errno
import json
import os
import shutil
import signal
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import ROOT, flip_bit, quick_build, recipe
from tests.toys.exporter import Toy
from thinkmix.curation.export import known
from thinkmix.curation.export.contract import Exporter
from thinkmix.curation.export.messages import Messages
from thinkmix.curation.export.record import Export
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import read_rows, slices
from thinkmix.curation.validate.reading import Reading, read_conversation
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.flows.training.export import export, open_verified
from thinkmix.flows.training.export_identity import compare_by_rule
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.record import json_text

SPLITS = ("train", "eval")


@pytest.fixture(scope="session")
def sample(sample: Built) -> Path:
    """The embedded mixture, whose rows think, answer and call tools; read only."""
    return sample.version


@pytest.fixture
def with_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """List one exporter more, as a line in `known.py` would."""
    monkeypatch.setattr(known, "EXPORTERS", (*known.EXPORTERS, Toy))


def table(version: Path, split: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted(version.glob(f"{split}-*.parquet"))])


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


RENDERED = [kind for kind in known.EXPORTERS if kind().row_format() is None]


@pytest.mark.parametrize("kind", RENDERED, ids=lambda kind: kind.name)
def test_every_rendered_export_has_the_ids_and_labels_that_we_train_on(kind, version: Path, tmp_path: Path):
    """By the rule of its trainer; one that trains nothing has its own check alone."""
    out = tmp_path / "out"
    told = export(version, to=kind(), output=out)
    assert set(told.splits) == set(kind.splits)
    for split in told.splits if kind.read is not Exporter.read else ():
        read = compare_by_rule(open_verified(version), out, split, to=kind())
        assert read.whole, read
        assert read.rows == table(version, split).height
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert set(told.files) == files - {"export.json"}
    assert all(
        sha256((out / name).read_bytes()).hexdigest() == told.files[name].sha256 for name in told.files
    )


def test_an_exporter_of_one_split_refuses_the_other(version: Path, run, tmp_path: Path):
    """Its files are for evaluation alone, or for training."""
    code, _, err = run(
        "export", version, "--to", "evalscope", "--split", "train", "--output", tmp_path / "out"
    )
    assert (code, "evalscope is for eval alone" in err) == (2, True)


@pytest.mark.usefixtures("with_toy")
@pytest.mark.parametrize("kind", [*(set(known.EXPORTERS) - set(RENDERED)), Toy], ids=lambda kind: kind.name)
def test_every_export_reads_back_as_the_version(kind, sample: Path, run, tmp_path: Path):
    """As a source, its rows have the roles, texts, traces, calls and tools of the version's rows."""
    out = tmp_path / "out"
    code, _, err = run("export", sample, "--to", kind.name, "--output", out)
    assert (code, err) == (0, "")
    exporter, called = kind(), 0
    source = LocalSource(name="back", kind="local", files=["*"], format=exporter.row_format())
    for split in SPLITS:
        file = out / exporter.file(split)
        (piece,) = slices(file.name, Blob(file, ""))
        rows = list(read_rows(piece, max_row_bytes=file.stat().st_size))
        wanted = table(sample, split)
        assert len(rows) == wanted.height > 0
        for row, want in zip(rows, wanted.iter_rows(named=True), strict=True):
            said = read_conversation(row, Reading(source, file.name), Notes())
            assert [turn["role"] for turn in want["messages"]] == [turn.role for turn in said.messages]
            assert [turn["content"] for turn in want["messages"]] == [turn.content for turn in said.messages]
            traces = [turn["reasoning_content"] for turn in want["messages"]]
            assert traces == [turn.reasoning for turn in said.messages]
            assert (want["turn"], want["thinking"]) == (len(traces) - 1, traces[-1] is not None)
            calls = [call["function"] for turn in want["messages"] for call in turn["tool_calls"] or ()]
            assert [(call["name"], json.loads(call["arguments"])) for call in calls] == [
                (call.name, call.arguments) for turn in said.messages for call in turn.tool_calls
            ]
            assert want["tools"] == (json_text(list(said.tools)) if said.tools else None)
            if exporter.marked:
                learned = [turn.role == "assistant" and not turn.context for turn in said.messages]
                assert [place for place, yes in enumerate(learned) if yes] == [want["turn"]]
            called += len(calls)
    assert called > 100


def test_the_manifest_says_where_all_came_from(sample: Path, run, tmp_path: Path):
    """Version, options, rows, tokens and the digest of each file; equal commands write equal bytes."""
    out = tmp_path / "out"
    code, text, err = run("export", sample, "--to", "messages", "--output", out, "--json")
    assert (code, err) == (0, "")
    printed, stated = json.loads(text), json.loads((out / "export.json").read_bytes())
    assert printed.pop("output") == str(out)
    assert str(out) in printed.pop("command")
    assert printed == stated
    told = Export.model_validate(stated)
    assert (told.exporter, told.mixture, told.mixture_digest) == ("messages", "sample-7-3", sample.name)
    assert left(out) == ["eval.jsonl", "export.json", "train.jsonl"]
    for split in SPLITS:
        entry, counts, rows = told.files[f"{split}.jsonl"], told.splits[split], table(sample, split)
        content = (out / f"{split}.jsonl").read_bytes()
        assert (entry.sha256, entry.bytes) == (sha256(content).hexdigest(), len(content))
        assert entry.rows == counts.examples == rows.height == content.count(b"\n")
        assert counts.messages == rows["messages"].list.len().sum()
        assert counts.prompt_tokens == rows["prompt_tokens"].sum()
        assert counts.completion_tokens == rows["completion_tokens"].sum()
        assert (counts.thinking, counts.with_tools) == (rows["thinking"].sum(), rows["tools"].count())
    assert str(tmp_path) not in (out / "export.json").read_text(encoding="utf-8")
    again = tmp_path / "again"
    assert run("export", sample, "--to", "messages", "--output", again)[0] == 0
    for name in left(out):
        assert (out / name).read_bytes() == (again / name).read_bytes(), name


def test_people_see_what_was_written_and_what_was_not(sample: Path, run, tmp_path: Path):
    """Rows, the columns that are left out, what TRL does otherwise, and its command."""
    code, text, _ = run("export", sample, "--to", "messages", "--output", tmp_path / "out")
    assert code == 0
    told = Export.model_validate_json((tmp_path / "out" / "export.json").read_bytes())
    assert f"{told.splits['train'].examples:,}" in text
    for word in (*told.left_out, *told.remarks, "trl sft", str(tmp_path / "out"), "read back"):
        assert word in text


def test_one_split_and_options_may_be_asked_for(version: Path, run, tmp_path: Path):
    """Only its file is written; the options reach the rows and the manifest; eval alone trains nothing."""
    out = tmp_path / "out"
    flags = ("--split", "eval", "--option", "mark=loss", "--option", "tools=text")
    code, text, _ = run("export", version, "--to", "messages", "--output", out, *flags, "--json")
    assert (code, left(out)) == (0, ["eval.jsonl", "export.json"])
    assert json.loads(text)["options"] == {"mark": "loss", "tools": "text"}
    assert json.loads(text)["command"] is None
    first = json.loads((out / "eval.jsonl").read_bytes().splitlines()[0])
    assert first["messages"][-1]["loss"] is True


@pytest.mark.usefixtures("with_toy")
def test_an_exporter_of_one_file_appears_wherever_the_others_do(version: Path, run, tmp_path: Path):
    """In the command, its help, the printed page, and the sentence about a name that there is not."""
    code, text, err = run(
        "export", version, "--to", "toy", "--option", "indent=3", "--output", tmp_path / "out"
    )
    assert (code, err) == (0, "")
    assert left(tmp_path / "out") == ["export.json", "toy-eval.json", "toy-train.json"]
    assert f"play {tmp_path / 'out'}" in text
    assert (tmp_path / "out" / "toy-train.json").read_text(encoding="utf-8").startswith("[\n   {")
    helped = " ".join(run("export", "--help")[1].replace("│", " ").split())
    assert f"toy: {Toy.sentence()}" in helped
    assert "toy: indent." in helped
    listed = run("export", "--list")[1]
    assert f"| `toy` | {Toy.sentence()} | nobody |" in listed
    assert "| `indent` | `1` | White space before each line. |" in listed
    refused = run("export", version, "--to", "tay", "--output", tmp_path / "o")[2]
    assert f"known are {', '.join(kind.name for kind in known.EXPORTERS)}" in refused


def test_the_documented_exporters_are_those_that_there_are(run):
    """docs/export.md ends with what `thinkmix export --list` prints."""
    code, printed, _ = run("export", "--list")
    assert (code, printed) == (0, known.table())
    assert (ROOT / "docs/export.md").read_text(encoding="utf-8").endswith(f"\n{printed}")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--to", "openai"), "there is no exporter 'openai'; known are messages, rendered, "),
        (
            ("--to", "messages", "--option", "mask=1"),
            "options of messages: mask: not a setting; did you mean `mark`?",
        ),
        (
            ("--to", "messages", "--option", "mark=w"),
            "mark: there is no 'w'; there are weight, loss, training, none",
        ),
        (("--to", "messages", "--option", "mark"), "--option mark: not NAME=VALUE"),
        (("--to", "messages", "--option", "mark=none", "--option", "mark=loss"), "given twice"),
    ],
)
def test_a_wrong_flag_ends_in_a_sentence(flags, says: str, version: Path, run, tmp_path: Path):
    """With exit code 2 and what there is instead; nothing is written."""
    code, _, err = run("export", version, *flags, "--output", tmp_path / "out")
    assert code == 2
    assert says in err
    assert left(tmp_path) == []


def test_an_export_is_verified_when_it_is_written_and_later(version: Path, run, tmp_path: Path):
    """Each row by the rule of its trainer; the second time nothing is written, and what changed is named."""
    out = tmp_path / "out"
    flags = ("export", version, "--to", "ms-swift", "--output", out, "--verify")
    code, text, err = run(*flags)
    assert (code, err) == (0, "")
    rows = table(version, "train").height
    assert f"train by the trainer's rule: {rows} of {rows} rows have our ids and labels" in " ".join(
        text.split()
    )
    lines = (out / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    changed = json.loads(lines[1])
    changed["messages"][-1]["content"] += "<|im_end|>"
    (out / "train.jsonl").write_text(
        "".join([lines[0], json.dumps(changed) + "\n", *lines[3:]]), encoding="utf-8"
    )
    code, text, _ = run(*flags, "--json")
    assert code == 3
    (read,) = (one for one in json.loads(text)["verified"] if one["split"] == "train")
    assert (read["by"], read["read"], read["identical"]) == ("rule", rows - 1, rows - 2)
    assert [one["row"] for one in read["differences"]] == [1, 2]
    assert "tokens, not" in read["differences"][0]["problem"]
    assert read["differences"][1]["problem"] == "the trainer has no such row"


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (("--to", "messages"), 2, "no rule says which ids and labels a reader of messages has"),
        (("--to", "trl"), 2, "holds an export to ms-swift with other options than to trl"),
        (("--to", "ms-swift", "--option", "model=m"), 2, "with other options than to ms-swift"),
    ],
)
def test_only_the_export_that_is_named_is_verified(flags, code: int, says: str, version: Path, run, tmp_path):
    """Another exporter, other options, or a form that no rule reads, end in a sentence."""
    out = tmp_path / "out"
    assert run("export", version, "--to", "ms-swift", "--output", out)[0] == 0
    found, _, err = run("export", version, *flags, "--output", out, "--verify")
    assert (found, says in err) == (code, True), err


def test_a_split_without_rows_is_refused_or_passed_over(sources: Path, run, tmp_path: Path):
    """Asked for by name it is a mistake; among both it has no file."""
    whole = quick_build(recipe(eval_share=0), tmp_path / "store", sources).version
    code, _, err = run("export", whole, "--to", "messages", "--split", "eval", "--output", tmp_path / "out")
    assert code == 2
    rows = table(whole, "train").height
    assert f"{whole.name} has no rows of eval; it holds {rows} of train, 0 of eval" in err
    assert run("export", whole, "--to", "messages", "--output", tmp_path / "out")[0] == 0
    assert left(tmp_path / "out") == ["export.json", "train.jsonl"]


def test_what_is_there_is_not_written_over(version: Path, run, tmp_path: Path):
    """A folder with anything in it, or a file, is refused with the way out; an empty folder is taken."""
    used, file, empty = (tmp_path / name for name in ("used", "file", "empty"))
    (used / "mine").mkdir(parents=True)
    file.touch()
    empty.mkdir()
    code, _, err = run("export", version, "--to", "messages", "--output", used)
    assert code == 2
    assert f"{used} exists already: name a new folder, or remove it" in err
    assert left(used) == ["mine"]
    code, _, err = run("export", version, "--to", "messages", "--output", file / "out")
    assert code == 5
    assert "name another folder with --output" in err
    assert run("export", version, "--to", "messages", "--output", empty)[0] == 0
    assert left(empty) == ["eval.jsonl", "export.json", "train.jsonl"]
    assert left(tmp_path) == ["empty", "file", "used"]


def test_a_damaged_version_is_not_exported(version: Path, run, tmp_path: Path):
    """Its bytes are hashed first; a path that is not a version is a mistake of the command."""
    damaged = shutil.copytree(version, tmp_path / version.name)
    flip_bit(next(damaged.glob("train-*.parquet")))
    code, _, err = run("export", damaged, "--to", "messages", "--output", tmp_path / "out")
    assert code == 5
    assert "is damaged, so nothing is exported from it: train-" in err
    code, _, err = run("export", tmp_path / "none", "--to", "messages", "--output", tmp_path / "out")
    assert code == 2
    assert "neither a version" in err
    assert left(tmp_path) == [version.name]


def test_a_version_that_breaks_while_it_is_read_is_damaged(version: Path, run, tmp_path: Path, monkeypatch):
    """A page that is not what its checksum says ends the export although all was well when it was hashed."""
    damaged = shutil.copytree(version, tmp_path / version.name)
    flip_bit(next(damaged.glob("train-*.parquet")), 8 * 200)  # in the first page
    monkeypatch.setattr("thinkmix.flows.training.export.problems", lambda folder: [])
    code, _, err = run("export", damaged, "--to", "messages", "--output", tmp_path / "out")
    assert code == 5
    assert "cannot be read" in err
    assert "verify the version" in err
    assert left(tmp_path) == [version.name]


def test_a_full_disk_leaves_nothing(version: Path, run, tmp_path: Path, monkeypatch):
    """The sentence names the folder and the way out, whenever the space ends."""
    whole = Messages.write

    def fills(self, examples, file):
        whole(self, examples, file)
        if file.name == "eval.jsonl":
            raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(Messages, "write", fills)
    code, _, err = run("export", version, "--to", "messages", "--output", tmp_path / "out")
    assert code == 5
    assert f"no space left for {tmp_path / 'out'}, nothing of it is left there" in err
    assert left(tmp_path) == []


@pytest.mark.parametrize("stage", ["write", "check"])
def test_a_signal_leaves_nothing(stage: str, version: Path, run, tmp_path: Path, monkeypatch):
    """Ctrl-C while a file is written or read back ends with 130 and one sentence."""
    whole = getattr(Messages, stage)

    def stopped(self, examples, file):
        whole(self, examples, file)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Messages, stage, stopped)
    code, _, err = run("export", version, "--to", "messages", "--output", tmp_path / "out")
    assert (code, err) == (130, "thinkmix: stopped; what was published before is untouched\n")
    assert left(tmp_path) == []


def test_a_file_that_says_something_else_is_not_published(version: Path, run, tmp_path: Path, monkeypatch):
    """A defect of an exporter ends with 7 and the row, and there is no folder."""
    whole = Messages._turns

    def forgets(self, messages):
        return [
            {**turn, "content": turn["content"].replace("It is 7.", "It is 8.")}
            for turn in whole(self, messages)
        ]

    monkeypatch.setattr(Messages, "_turns", forgets)
    code, _, err = run("export", version, "--to", "messages", "--output", tmp_path / "out", "--json")
    assert code == 7
    assert "'It is 8.', not 'It is 7.': a bug in Thinkmix" in err
    assert left(tmp_path) == []


def test_an_exporter_that_passes_over_rows_is_noticed(version: Path, run, tmp_path: Path, monkeypatch):
    """Even one whose own check is content: what was counted must be what the manifest promises."""
    whole = Messages.write
    monkeypatch.setattr(Messages, "check", lambda self, examples, file: None)

    def stops_early(self, examples, file):
        whole(self, (example for example, _ in zip(examples, range(5), strict=False)), file)

    monkeypatch.setattr(Messages, "write", stops_early)
    code, _, err = run("export", version, "--to", "messages", "--output", tmp_path / "out")
    assert code == 7
    assert "train.jsonl holds" in err
    assert left(tmp_path) == []
