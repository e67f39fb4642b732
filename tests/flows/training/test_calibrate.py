"""`thinkmix calibrate`: whole or not at all, the same bytes twice, nothing that resembles a held-out row."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import chat_row, flip_bit, math_row, python, quick_build, recipe, text, write_rows
from thinkmix.curation.audit.overlap import explain_pair
from thinkmix.flows.recipe.plans import load_plan
from thinkmix.schemas.errors import TrainError
from thinkmix.train.quantize.calibration import Calibration

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory):
    """Build a mixture in which every problem has two solutions; a third of the problems is held out."""
    base = tmp_path_factory.mktemp("crowded")
    rows = [math_row(n, answer=f"{n} by way {way}") for n in range(24) for way in range(2)]
    write_rows(base / "math" / "0.jsonl", rows)
    chats = [
        chat_row(f"Tell me of {text(('chat', n))}?", f"Gladly: {text(('reply', n), 8)}.") for n in range(48)
    ]
    write_rows(base / "chat" / "0.jsonl", chats)
    return quick_build(recipe(eval_share=0.3), base / "store", base).version


def table(version: Path, split: str) -> pl.DataFrame:
    columns = ["id", "conversation_id", "prompt"]
    return pl.concat([pl.read_parquet(path, columns=columns) for path in version.glob(f"{split}-*.parquet")])


def test_nothing_drawn_resembles_a_held_out_row(crowded: Path, run, tmp_path: Path):
    """Sampled to the last row, no prompt is a near-duplicate of a held-out one, and no cluster is shared."""
    assert run("calibrate", crowded, "--rows", 1000, "--output", tmp_path / "out")[0] == 0
    train, held_out = table(crowded, "train"), table(crowded, "eval")
    sampled = pl.read_parquet(tmp_path / "out" / "calibration.parquet").join(train, on="id")
    assert sampled.height == train.height

    def alike(a: pl.Series, b: pl.Series) -> int:
        return sum(explain_pair(one, other, shingle=5).jaccard >= 0.8 for one in a for other in b)

    assert alike(sampled["prompt"].unique(), held_out["prompt"].unique()) == 0
    twice = held_out.filter(pl.col("prompt").is_duplicated())["prompt"]  # each problem is
    assert alike(twice, twice) > twice.len() > 0
    outcomes = pl.concat([pl.read_parquet(path) for path in sorted((crowded / "outcomes").iterdir())])
    cluster = dict(outcomes.filter(pl.col("cluster").is_not_null()).select("id", "cluster").iter_rows())
    sides = [{cluster[row] for row in side["conversation_id"]} for side in (sampled, held_out)]
    assert len(sides[0]) < sampled.height
    assert sides[0].isdisjoint(sides[1])


def test_a_model_is_measured_and_the_plan_is_one_that_training_takes(version: Path, run, tmp_path: Path):
    """Files, their digests, the forms and a plan; a second run writes the same bytes."""
    pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")
    command = ("calibrate", version, "--model", "tiny-random", "--rows", 8)
    code, out, err = run(*command, "--output", tmp_path / "one")
    assert code == 0, err
    for word in ("nf4_double", "fp4", "int8", "sampled 8 rows", "bits a weight", "thinking", "method: "):
        assert word in out
    told = Calibration.model_validate_json((tmp_path / "one" / "calibration.json").read_bytes())
    assert (told.mixture_digest, told.rows, told.quant_error.model.name) == (version.name, 8, "tiny-random")
    assert sorted(told.files) == ["calibration.jsonl", "calibration.parquet", "plan.yaml"]
    for name, digest in told.files.items():
        assert sha256((tmp_path / "one" / name).read_bytes()).hexdigest() == digest
    plan = load_plan(tmp_path / "one" / "plan.yaml", flags={})
    assert plan.method == told.quant_error.quant_plan.plan["method"]
    code, out, _ = run(*command, "--output", tmp_path / "two", "--json")
    assert (code, json.loads(out)) == (0, told.model_dump(mode="json"))
    for name in (*told.files, "calibration.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert str(tmp_path) not in (tmp_path / "one" / "calibration.json").read_text()


@pytest.mark.parametrize("init", ["eva", "corda"])
def test_an_adapter_begins_from_the_first_exported_rows(
    init, version: Path, run, tmp_path: Path, monkeypatch
):
    """What `thinkmix train --init eva` reads first stands first in what `thinkmix calibrate` wrote."""
    models = pytest.importorskip("thinkmix.train.model.model", reason="needs thinkmix[train]")
    shown = []

    def prepare(model, plan, *, calibration, **more):
        shown.extend(calibration)
        raise TrainError("enough")

    monkeypatch.setattr(models, "prepare", prepare)
    run("calibrate", version, "--seed", 3, "--max-tokens", 600, "--output", tmp_path / "sampled")
    train = ("train", version, "--model", "tiny-random", "--max-steps", 1, "--output", tmp_path / "out")
    assert (
        run(*train, "--init", init, "--seed", 3, "--max-tokens", 600, "--batch", 16_384)[0]
        == TrainError.exit_code
    )
    sampled = pl.read_parquet(tmp_path / "sampled" / "calibration.parquet")["input_ids"].to_list()
    assert shown == sampled[:16]


def test_a_draw_needs_no_torch(version: Path, run, tmp_path: Path):
    """Without a model, rows are sampled and exported by a program that never imports torch; seeds decide."""
    script = (
        "import sys; from thinkmix.flows.cli.terminal import app; import thinkmix.flows.cli; "
        "app(sys.argv[1:], standalone_mode=False); print('torch' in sys.modules)"
    )
    ended = python("-c", script, "calibrate", version, "--rows", 8, "--output", tmp_path / "one")
    assert ended.stdout.endswith("False\n"), ended.stderr
    files = [path.name for path in sorted((tmp_path / "one").iterdir())]
    assert files == ["calibration.json", "calibration.jsonl", "calibration.parquet"]
    run("calibrate", version, "--rows", 8, "--seed", 2, "--output", tmp_path / "two")
    sampled = [(tmp_path / name / "calibration.jsonl").read_bytes() for name in ("one", "two")]
    assert sampled[0] != sampled[1]


def test_what_fails_leaves_nothing_behind(version: Path, run, tmp_path: Path, monkeypatch):
    """A model that cannot be loaded ends the command after sampling: there is no folder, not even a part."""
    pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")
    base = tmp_path / "here"
    base.mkdir()
    code, _, err = run("calibrate", version, "--model", base / "none", "--rows", 8, "--output", base / "out")
    assert code == TrainError.exit_code
    assert "no such folder" in err
    assert list(base.iterdir()) == []


def test_a_used_folder_and_a_damaged_version_are_refused(version: Path, run, tmp_path: Path):
    """Nothing is written over, and nothing is sampled from a version that is not what it was."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    code, _, err = run("calibrate", version, "--output", tmp_path / "out")
    assert code == TrainError.exit_code
    assert "exists already" in err
    damaged = shutil.copytree(version, tmp_path / version.name)
    flip_bit(damaged / "README.md")
    code, _, err = run("calibrate", damaged, "--output", tmp_path / "new")
    assert code == 5
    assert "is damaged, so nothing is sampled from it" in err
    assert not (tmp_path / "new").exists()
