"""`thinkmix plan`: what training needs, said before anything is loaded."""

import json
import shlex
from functools import partial
from pathlib import Path

import pytest

from tests.harness.builders import python
from thinkmix.flows.training.planning import read_model
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.estimate.folklore import NOTES
from thinkmix.train.estimate.options import Size, option

HEAVY = ("torch", "transformers", "peft", "prefect")


@pytest.fixture
def plan(run):
    """Run `thinkmix plan`; return its exit code, output and errors."""
    return partial(run, "plan")


def test_a_published_model_is_planned_for_without_its_config(plan):
    """Each method with its parts and the cards it fits, and the smallest card for LoRA."""
    code, out, _ = plan("--model", "Qwen/Qwen3-8B", "--checkpointing", "--tokens", 4096, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["parameters"] == 8_190_735_360
    assert [each["method"] for each in told["methods"]] == ["lora", "qlora4", "qlora8", "freeze", "full"]
    lora = told["methods"][0]
    assert lora["peak"] == "backward"
    blocked = ("weights", "adapter", "gradients", "optimiser", "context")
    parts = lora["parts"]
    assert lora["total"] == sum(parts[name] for name in (*blocked, "activations", "layer", "dequantised"))
    assert (lora["cards"]["RTX 3060 12GB"], lora["cards"]["RTX 4090 24GB"]) == ("no", "fits")
    assert (told["choice"]["method"], told["choice"]["card"]) == ("lora", "RTX 4090 24GB")


def test_a_person_reads_what_to_change(plan):
    """On 24 GB an 8B of 16,384 tokens needs checkpointing, and INT4 to read them all."""
    code, out, _ = plan("--model", "8B", "--gpu", "24GB")
    assert code == 0
    rows = {line.split()[0]: line.strip().split(maxsplit=4)[1:] for line in out.splitlines() if "✗" in line}
    assert rows["lora"] == ["✗", "✓", "21.4", "checkpointing true, batch and max_tokens 5120, accumulate 4"]
    assert rows["qlora4"] == ["✗", "✓", "18.9", "checkpointing true"]
    assert rows["full"] == ["✗", "✗", "196.2", "nothing gives it room"]
    assert "proposed  qlora4 on 24GB, with checkpointing true: 18.9 GB" in out
    trains = "thinkmix train VERSION --model Qwen/Qwen3-8B --output build/Qwen3-8B-qlora4"
    assert f"{trains} --method qlora4 --checkpointing" in out.splitlines()[-1]


def test_a_card_on_which_a_method_fits_with_changes_is_not_crossed_out(plan):
    """LoRA is proposed for the 32 GB card, so the table of cards does not say that it does not fit there."""
    _, out, _ = plan("--model", "8B")
    marks = {line[:13]: line.split()[-5:] for line in out.splitlines() if "GB " in line}
    assert marks["RTX 5090 32GB"] == ["+", "+", "+", "✓", "✗"]
    assert marks["RTX 3060 12GB"][0] == "✗"
    assert "+ fits with changes that --gpu names" in out


@pytest.mark.parametrize(
    "asked",
    [
        ("--model", "8B", "--gpu", "24GB"),
        ("--model", "8B", "--gpu", "24GB", "--method", "freeze"),
        ("--model", "8B", "--gpu", "24GB", "--method", "lora", "--batch", 9000, "--max-tokens", 8000),
        ("--model", "0.6B", "--tokens", 300),
        ("--model", "Qwen3-4B-Instruct-2507", "--plan", "plan.yaml", "--gpu", "12GB"),
    ],
)
def test_the_command_that_is_printed_trains_what_was_reckoned(
    asked, plan, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`thinkmix train` takes it as it stands, and the plan that it reads needs the memory that was stated."""
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text("rank: 64\ntargets: [q_proj, v_proj]\nlearning_rate: 1e-4\ninit: pissa\n")
    told = json.loads(plan(*asked, "--json")[1])["choice"]
    taken = {}
    monkeypatch.setattr(
        "thinkmix.flows.training.run.run_training", lambda version, **given: taken.update(given) or 1 / 0
    )
    thinkmix, *command = shlex.split(told["command"])
    with pytest.raises(ZeroDivisionError):
        run(*command)
    assert (thinkmix, taken["model"][:11]) == ("thinkmix", "Qwen/Qwen3-")
    stated: TrainPlan = taken["plan"]
    size = Size(stated.batch, stated.max_tokens)
    assert option(read_model(taken["model"]), stated, size).memory.total == told["total"]
    assert stated.method == told["method"]
    if "--plan" in asked:
        assert (stated.rank, stated.targets, stated.learning_rate) == (64, ("q_proj", "v_proj"), 1e-4)


def test_no_command_is_printed_for_what_train_does_not_take(plan):
    """A model of experts is planned for, and cannot be trained here."""
    assert json.loads(plan("--model", "30B-A3B", "--gpu", "80GB", "--json")[1])["choice"]["command"] is None
    assert "thinkmix train V" not in plan("--model", "30B-A3B", "--gpu", "80GB")[1]


def test_a_method_that_does_not_fit_is_not_taken_for_all(plan):
    """Asked for LoRA alone, it says what fits instead."""
    _, out, _ = plan("--model", "8B", "--gpu", "17GB", "--method", "lora")
    assert "nothing that was asked for fits: take another card, or --method qlora4 or qlora8" in out


def test_the_method_that_was_asked_for_is_the_one_proposed(plan, tmp_path: Path):
    """By a flag, or by the plan's own file."""
    file = tmp_path / "plan.yaml"
    file.write_text("method: freeze\ntrain_layers: 1\n")
    for asked in (("--method", "freeze"), ("--plan", file)):
        _, out, _ = plan("--model", "8B", "--gpu", "80GB", "--json", *asked)
        assert json.loads(out)["choice"]["method"] == "freeze"


def test_nothing_is_proposed_where_nothing_fits(plan):
    """235B on one card is refused in words, not by a traceback."""
    code, out, _ = plan("--model", "235B-A22B", "--gpu", "H100")
    assert code == 0
    assert "nothing fits, whatever is changed" in out
    assert "experts stay in 16 bit" in out


def test_a_version_gives_the_lengths(plan, version: Path):
    """Rows are counted as they are, the longest batch decides the memory, and the speed gives hours."""
    _, out, _ = plan(version, "--model", "0.6B", "--json", "--tokens-per-second", 100)
    told = json.loads(out)
    lengths, manifest = told["lengths"], json.loads((version / "manifest.json").read_bytes())
    train = [file["rows"] for name, file in manifest["files"].items() if name.startswith("train-")]
    assert lengths["rows"] == sum(train) > 0
    assert lengths["too_long"] == 0
    assert (
        told["tokens"] == lengths["largest_batch"] >= lengths["longest"] >= lengths["p95"] >= lengths["p50"]
    )
    assert lengths["hours"] == pytest.approx((lengths["tokens"] + lengths["padding_tokens"]) / 360_000)
    _, text, _ = plan(version, "--model", "0.6B", "--tokens-per-second", 100)
    assert f"{lengths['rows']:,} rows of {lengths['p50']:,} tokens in the middle" in text
    assert "at this speed, without evaluation" in text


def test_rows_that_are_too_long_are_counted(plan, version: Path):
    """With a limit at the middle, about half of the rows are left out, and that is said."""
    _, out, _ = plan(version, "--model", "0.6B", "--json")
    middle = json.loads(out)["lengths"]["p50"]
    _, out, _ = plan(version, "--model", "0.6B", "--json", "--max-tokens", middle)
    lengths = json.loads(out)["lengths"]
    assert 0 < lengths["too_long"] <= lengths["rows"] / 2
    _, text, _ = plan(version, "--model", "0.6B", "--max-tokens", middle)
    assert f"{lengths['too_long']:,} rows are longer than max_tokens and are left out" in text


def test_a_local_config_is_read(plan, tmp_path: Path):
    """Its folder or the file itself; no weight need be there."""
    config = {
        "model_type": "llama",
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "intermediate_size": 11_008,
        "vocab_size": 32_000,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    for where in (tmp_path, tmp_path / "config.json"):
        _, out, _ = plan("--model", where, "--json")
        told = json.loads(out)
        assert (told["parameters"], told["model"]) == (6_738_415_616, where.name)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "config.json cannot be read as JSON"),
        ("{", "config.json cannot be read as JSON"),
        ("[" * 100_000, "config.json cannot be read as JSON"),
        ("[]", "config.json is not a JSON object"),
        ('{"model_type": "gpt2"}', "is a gpt2: its memory is known for qwen3"),
    ],
)
def test_a_folder_that_states_no_known_model_is_refused(plan, tmp_path: Path, content, sentence):
    """One sentence and exit code 10."""
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    code, _, err = plan("--model", tmp_path)
    assert code == 10
    assert sentence in err


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        (("--model", "gpt2"), 10, "model gpt2: no such folder, and no published Qwen3 (Qwen3-0.6B"),
        (("--gpu", "abacus"), 10, "gpu abacus is not known"),
        (("--method", "rlhf"), 2, "method: there is no 'rlhf'; there are lora, qlora4, qlora8, freeze, full"),
        (("--batch", 512, "--max-tokens", 1024), 2, "does not fit a batch of 512 tokens"),
    ],
)
def test_what_is_not_known_is_refused(plan, args, code, sentence):
    """The sentence says what can be asked for."""
    ended, _, err = plan(*args)
    assert (ended, sentence in err) == (code, True)


def test_the_circulating_table_is_printed_with_its_faults(plan):
    """Every size, the swapped cells marked, every note; and the same for machines."""
    _, out, _ = plan("--seed-table")
    assert "80 (a)" in out
    assert "160 (a)" in out
    assert all(f"({mark}) " in out for mark in NOTES)
    _, out, _ = plan("--seed-table", "--json")
    table = json.loads(out)
    assert len(table["cells"]) == 20
    swapped = [cell for cell in table["cells"] if cell["note"] == "a"]
    assert [(cell["size"], cell["method"], cell["stated_gb"]) for cell in swapped] == [
        ("70B", "lora", "80"),
        ("70B", "qlora8", "160"),
    ]


def test_planning_loads_no_model_library():
    """The answer is there in a second, on a machine without torch."""
    code = (
        "import sys; sys.argv = ['thinkmix', 'plan', '--json']; from thinkmix.flows.cli import main; main()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = python("-c", code.replace("main()\n", "\ntry:\n    main()\nexcept SystemExit:\n    pass\n", 1))
    assert ended.stderr.strip().endswith("[]")
