"""`thinkmix evaluate`: what is asked, what counts as right, and what two models come to beside each other."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.curation.export.test_exporters import CHAT
from tests.harness.builders import chat_row, math_row, quick_build, recipe, text, write_rows
from tests.harness.chat_endpoint import chat_endpoint
from thinkmix.flows.pages.training.evaluation import Evaluation, verdict
from thinkmix.flows.training.evaluation.endpoint import without_trace
from thinkmix.flows.training.evaluation.paired import (
    Outcome,
    bootstrap,
    compare_answers,
    compare_losses,
    judge,
    mcnemar,
    reference_of,
)
from thinkmix.flows.training.evaluation.run import select
from thinkmix.flows.training.evaluation.serving import end


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a mixture whose problems have an answer in a box; a third of the rows is held out."""
    base = tmp_path_factory.mktemp("boxed")
    write_rows(base / "math" / "0.jsonl", [math_row(n, answer=rf"\boxed{{{n}}}") for n in range(12)])
    chats = [
        chat_row(f"Tell me of {text(('chat', n))}?", f"Gladly: {text(('reply', n), 8)}.") for n in range(12)
    ]
    write_rows(base / "chat" / "0.jsonl", chats)
    return quick_build(recipe(eval_share=0.3), base / "store", base).version


def taught(response: str, question: str = "How much is 1/2 + 1/4?"):
    told = [
        {"role": "user", "content": question, "reasoning_content": None, "tool_calls": None},
        {"role": "assistant", "content": response, "reasoning_content": None, "tool_calls": None},
    ]
    return CHAT._replace(messages=told)


@pytest.mark.parametrize(
    ("said", "is_"),
    [
        (r"So \boxed{0.75}.", "right"),
        ("The answer is 3/4.", "right"),
        (r"\boxed{\frac{1}{4}}", "wrong"),
        ("I do not know that, although I have thought about it for a long while and more.", "wrong"),
        ("", "wrong"),
    ],
)
def test_an_answer_is_judged_by_its_value(said: str, is_: str):
    r"""Not by its wording, and without a judge; the held-out row says in a box what is right."""
    row = taught(r"It is \boxed{\frac{3}{4}}.")
    reference = reference_of(row)
    assert reference is not None
    assert judge(row, reference, said) == is_


def test_a_row_without_a_boxed_answer_is_not_judged():
    """A chat has no answer that could be verified."""
    assert reference_of(taught("Hello, how are you?")) is None


@pytest.mark.parametrize(
    ("said", "rest"),
    [("<think>\na\n</think>\n\n4", "4"), ("<think>\n4", ""), ("a</think>4", "4"), (" 4 ", "4")],
)
def test_what_a_trace_says_is_no_answer(said: str, rest: str):
    """A trace that was cut off has none behind it."""
    assert without_trace(said) == rest


def test_p_is_that_of_mcnemars_exact_test():
    """Ten pairs differ, nine to one: 2 (1 + 10) / 1024."""
    assert mcnemar(9, 1) == pytest.approx(22 / 1024)
    assert mcnemar(0, 0) == 1


def test_rows_are_counted_by_who_alone_is_right():
    """An undecided row counts nowhere else, and each subset is counted by itself."""
    rows = [
        ("a", "right", "wrong"),
        ("a", "right", "right"),
        ("b", "wrong", "right"),
        ("b", "wrong", "wrong"),
    ]
    rows.append(("b", "undecided", "right"))
    found = compare_answers([Outcome(*row) for row in rows], seed=0)
    whole = found[""]
    counts = (whole.rows, whole.undecided, whole.wins, whole.both, whole.neither, whole.losses)
    assert counts == (5, 1, 1, 1, 1, 1)
    assert (found["a"].wins, found["b"].losses, list(found)) == (1, 1, ["", "a", "b"])


def test_the_interval_of_a_mean_is_about_two_standard_errors():
    """And the same seed gives the same interval."""
    values = np.random.default_rng(1).normal(0.3, 1.0, 400)
    found = bootstrap(values, np.ones(400), seed=7)
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.value - found.low, found.high - found.value) == pytest.approx((1.96 * error,) * 2, rel=0.15)
    assert bootstrap(values, np.ones(400), seed=7) == found


def test_a_loss_is_that_of_a_token():
    """A long row counts for more; a model that loses less on each row is better, whatever is resampled."""
    told = compare_losses(np.array([10.0, 1.0]), np.array([20.0, 2.0]), np.array([10, 1]), seed=0)
    assert (told.model, told.against) == (1.0, 2.0)
    assert told.difference.high < 0
    found = Evaluation(mixture="m", mixture_digest="d", model="a", seed=0, limit=1, rows=2, loss=told)
    assert verdict(found).short == "no difference"  # two rows bear no verdict
    many = told.model_copy(update={"rows": 20})
    assert verdict(found.model_copy(update={"loss": many})).short == "better"


def test_the_seed_decides_which_rows_of_each_source_and_mode():
    """As many as the limit says, of each."""
    rows = [CHAT._replace(id=f"{source}{number}", source=source) for source in "ab" for number in range(9)]
    one, again, other = (select(iter(rows), limit=3, seed=seed) for seed in (1, 1, 2))
    assert one == again != other
    assert sorted(row.source for row in one) == ["a", "a", "a", "b", "b", "b"]


def test_two_endpoints_are_compared(version: Path, run, tmp_path: Path):
    """One knows each answer, the other is silent: it wins all rows, and page, facts and answers say so."""
    known = {f"Find {text(n)}.": rf"<think>\nno\n</think>\n\n\boxed{{{n}}}" for n in range(12)}
    out = tmp_path / "out"
    with (
        chat_endpoint(lambda body: known[body["messages"][-1]["content"]]) as good,
        chat_endpoint(lambda body: "") as none,
    ):
        command = ("evaluate", version, "--endpoint", good.url, "--against", none.url, "--no-benchmarks")
        code, printed, err = run(*command, "--limit", 4, "--seed", 3, "--output", out, "--json")
    assert (code, err) == (0, "")
    told = Evaluation.model_validate_json((out / "evaluation.json").read_bytes())
    assert json.loads(printed)["verified"] == told.model_dump(mode="json")["verified"]
    assert len(good.bodies) == len(none.bodies) == told.verified[""].rows > 0
    assert (told.verified[""].wins, told.verified[""].losses, told.loss) == (len(good.bodies), 0, None)
    assert {body["seed"] for body in good.bodies} == {3}
    assert "an endpoint gives no loss" in told.notes[0]
    answers = [json.loads(line) for line in (out / "answers.jsonl").read_bytes().splitlines()]
    assert {(one["model_is"], one["against_is"], one["against"]) for one in answers} == {
        ("right", "wrong", "")
    }
    page = (out / "evaluation.html").read_text(encoding="utf-8")
    assert "No difference is shown." in page


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "either --endpoint URL or --model PATH"),
        (("--endpoint", "http://127.0.0.1:9/v1"), 2, "name one with --output"),
        (("--endpoint", "http://127.0.0.1:9/v1", "--output", "o", "--no-benchmarks"), 2, "--against"),
        (("--endpoint", "http://127.0.0.1:9/v1", "--output", "o"), 2, "pip install 'evalscope[perf]"),
        (("--endpoint", "http://127.0.0.1:9/v1", "--output", "o", "--evalscope", "none"), 2, "is missing"),
        (
            ("--endpoint", "http://127.0.0.1:9/v1", "--output", "o", "--no-benchmarks", "--against", "http://127.0.0.1:9/v1"),
            4,
            "does not answer",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_the_way_out(words, code, told, version, run, tmp_path, monkeypatch):
    """One sentence and the exit code of its kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    found, _, err = run("evaluate", version, *words)
    assert (found, told in err) == (code, True), err


def test_an_adapter_is_refused_before_anything_starts(version: Path, run, tmp_path: Path):
    """`transformers serve` loads whole models; merging makes one."""
    (tmp_path / "adapter_config.json").write_text("{}")
    command = ("evaluate", version, "--model", tmp_path, "--against", tmp_path, "--no-benchmarks")
    code, _, err = run(*command)
    assert (code, "thinkmix merge" in err) == (10, True)


def test_a_child_that_ignores_the_request_to_end_is_killed(monkeypatch: pytest.MonkeyPatch):
    """By its id, and waited for."""
    monkeypatch.setattr("thinkmix.flows.training.evaluation.serving._LAST", 0.1)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    end(child)
    child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
