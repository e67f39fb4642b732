"""A model that was trained on rows of our form thinks when it is asked to, and only then: end to end."""

from hashlib import sha256

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")

from tests.harness.listening import Heard  # noqa: E402
from tests.templates.toy.toy import TOY  # noqa: E402
from thinkmix.schemas.errors import ThinkingModeFailed, TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.templates.chat.families.qwen3 import QWEN3  # noqa: E402
from thinkmix.templates.chat.families.qwen3_instruct_2507 import QWEN3_INSTRUCT_2507  # noqa: E402
from thinkmix.templates.chat.families.qwen3_thinking_2507 import QWEN3_THINKING_2507  # noqa: E402
from thinkmix.templates.chat.render import render_chat  # noqa: E402
from thinkmix.templates.chat.tokenizer import encode  # noqa: E402
from thinkmix.train.checks import thinking_mode  # noqa: E402
from thinkmix.train.checks.thinking_mode import Prompt, check_thinking_mode, generate, sample_prompts  # noqa: E402
from thinkmix.train.data.rows import index_rows, read_manifest  # noqa: E402
from thinkmix.train.model.model import load_model, quiet  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

PLAN = TrainPlan(
    max_steps=45,
    batch=256,
    max_tokens=64,
    learning_rate=2e-2,
    eval_rows=0,
    mode_prompts=4,
    mode_least=1,
    mode_tokens=32,
)
QUESTIONS = {
    "2 + 3 = ?": ("2 and 3 make 5", "It is 5."),
    "Is ice cold?": ("ice is frozen water", "Yes, it is."),
}


@pytest.fixture
def rows(chat):
    """Each question is answered with a trace and without one, so that nothing but the form tells which."""
    return [
        chat(question, answer, reasoning=reasoning)
        for question, (trace, answer) in QUESTIONS.items()
        for reasoning in (trace, None)
    ]


def train(version, output, plan=PLAN, **settings):
    digest = sha256((version / "manifest.json").read_bytes()).hexdigest()
    return fit(TrainJob(version, digest, plan, "tiny-random", output), **settings)


def test_a_model_that_learnt_our_rows_by_heart_answers_in_the_mode_it_is_asked_for(publish, rows, tmp_path):
    """With thinking on every answer is the trace and the reply, with thinking off the reply alone."""
    result = train(publish(rows, held_out=rows), tmp_path / "out")
    on, off = result.switch.thinking, result.switch.non_thinking
    assert (on.answers, on.opened, on.closed, on.empty, on.right) == (4, 4, 4, 0, 4)
    assert (off.answers, off.opened, off.right) == (4, 0, 4)
    traces = {f"<think>\n{trace}\n</think>\n\n{answer}<|im_end|>" for trace, answer in QUESTIONS.values()}
    replies = {f"{answer}<|im_end|>" for _, answer in QUESTIONS.values()}
    assert {said.text for said in result.switch.samples if said.mode == "thinking"} == traces
    assert {said.text for said in result.switch.samples if said.mode == "non_thinking"} == replies


BLOCK = "<think>\n\n</think>\n\n"


def without_traces(row):
    """Delete the trace, as a trainer does whose template is told not to think."""
    return changed(
        row, prompt=f"{row['prompt']}{BLOCK}", completion=row["completion"].partition("</think>\n\n")[2]
    )


def with_empty_traces(row):
    """Train an empty trace in its place, as trainers do that overlook `reasoning_content`."""
    return changed(
        row, prompt=row["prompt"], completion=BLOCK + row["completion"].partition("</think>\n\n")[2]
    )


def with_traces_after_the_empty_one(row):
    """Train the trace where the model was told not to think."""
    return changed(row, prompt=f"{row['prompt']}{BLOCK}", completion=row["completion"])


def soft(row):
    """Learn the empty trace of an answer to `/no_think`."""
    return changed(row, prompt=row["prompt"].removesuffix(BLOCK), completion=BLOCK + row["completion"])


def test_a_model_that_learnt_the_soft_switch_is_not_asked_for_a_trace(publish, chat, rows, tmp_path):
    """With thinking on, the right answer to `/no_think` is the empty trace that its row learnt."""
    switched = [soft(chat(f"{question} /no_think", answer)) for question, (_, answer) in QUESTIONS.items()]
    rows = [*rows, *switched]
    plan = PLAN.model_copy(update={"max_steps": 60, "mode_prompts": 6})
    report = train(publish(rows, held_out=rows), tmp_path / "out", plan).switch
    on, off = report.thinking, report.non_thinking
    assert (on.answers, on.opened, on.empty, on.right) == (6, 6, 2, 6)
    assert (off.answers, off.opened, off.right) == (6, 0, 6)


def test_prompts_of_the_soft_switch_are_known(publish, chat):
    """By what the row learnt: asked without its opening, like any other prompt."""
    rows = [soft(chat("Hi /no_think", "Hello!")), chat("Ho /no_think", "Hello!")]
    version = publish(rows, held_out=rows)
    manifest = read_manifest(version, digest=sha256((version / "manifest.json").read_bytes()).hexdigest())
    held_out = index_rows(version, manifest, split="eval", max_tokens=64)
    prompts = sample_prompts(held_out, PLAN, family=QWEN3)
    assert {(prompt.text, prompt.soft) for prompt in prompts} == {
        (render_chat([{"role": "user", "content": "Hi /no_think"}], family=QWEN3), True),
        (render_chat([{"role": "user", "content": "Ho /no_think"}], family=QWEN3), False),
    }


@pytest.mark.parametrize(("thinks", "right"), [("hm\n</think>\n\nHi!", 1), ("\n</think>\n\nHi!", 0)])
def test_a_trace_that_the_prompt_opened_is_part_of_the_answer(monkeypatch, thinks, right):
    """The model goes on inside of it; judged and shown is the turn as a reader sees it."""

    def said(learner, prompts, *, most):
        opened = encode(TOY.thinking_opening)
        return [encode(f"{thinks if ids[-len(opened) :] == opened else 'Hi!'}<|im_end|>") for ids in prompts]

    monkeypatch.setattr(thinking_mode, "generate", said)
    prompts = (Prompt("a", render_chat([{"role": "user", "content": "Hi?"}], family=TOY)),)
    report = check_thinking_mode(None, prompts, PLAN.model_copy(update={"mode_least": 0}), family=TOY)
    assert (report.thinking.opened, report.thinking.right, report.non_thinking.right) == (1, right, 1)
    assert report.samples[0].text == f"<think>\n{thinks}<|im_end|>"
    assert report.samples[1].text == "Hi!<|im_end|>"


def changed(row, *, prompt, completion):
    counts = {"prompt_tokens": len(encode(prompt)), "completion_tokens": len(encode(completion))}
    return row | {"prompt": prompt, "completion": completion} | counts


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (without_traces, r"with thinking on 0 of 4 .*thinking on: 0 open a trace"),
        (
            with_empty_traces,
            r"with thinking on 0 of 4 .*thinking on: 4 open a trace, 4 close it, 4 leave it empty",
        ),
        (with_traces_after_the_empty_one, r"thinking off: 4 open a trace"),
    ],
    ids=["deleted", "empty", "misplaced"],
)
def test_rows_of_a_wrong_form_are_found_out(publish, rows, tmp_path, wrong, why):
    """What other trainers make of a row is learnt as well, and the check says what the model does then."""
    thinking = [row for row in rows if row["thinking"]]
    with pytest.raises(ThinkingModeFailed, match=why) as raised:
        train(publish([wrong(row) for row in thinking], held_out=rows), tmp_path / "out")
    assert raised.value.exit_code == 14
    assert not (tmp_path / "out").exists()


def test_a_run_that_failed_the_check_may_be_asked_less_without_training_again(publish, rows, tmp_path):
    """The weights are kept beside the output, so that only the check is made again."""
    plan = PLAN.model_copy(update={"max_steps": 2})
    version = publish(rows, held_out=rows)
    with pytest.raises(ThinkingModeFailed):
        train(version, tmp_path / "out", plan)
    told = []
    result = train(
        version,
        tmp_path / "out",
        plan.model_copy(update={"mode_least": 0}),
        listener=Heard(step=told.append),
    )
    assert (told, len(result.losses)) == ([], 2)
    assert result.switch.thinking.answers == 4


def test_prompts_end_as_the_official_template_ends_them(publish, rows):
    """Without its opening, a prompt is the official rendering of its turns; sampled by hash, each once."""
    version = publish(rows, held_out=rows[::-1], shards=2)
    manifest = read_manifest(version, digest=sha256((version / "manifest.json").read_bytes()).hexdigest())
    held_out = index_rows(version, manifest, split="eval", max_tokens=64)
    prompts = sample_prompts(held_out, PLAN, family=QWEN3)
    official = {render_chat([{"role": "user", "content": question}], family=QWEN3) for question in QUESTIONS}
    assert {prompt.text for prompt in prompts} == official
    assert {prompt.id for prompt in prompts} == {row["id"] for row in rows}
    fewer = sample_prompts(held_out, PLAN.model_copy(update={"mode_prompts": 3}), family=QWEN3)
    assert fewer == prompts[:3]


@pytest.mark.parametrize(
    ("held_out", "family", "why"),
    [
        (True, QWEN3_THINKING_2507, "has one mode only"),
        (True, QWEN3_INSTRUCT_2507, "has one mode only"),
        (False, QWEN3, "holds no row out"),
    ],
)
def test_what_cannot_be_asked_is_refused(publish, rows, held_out, family, why):
    """A template with one mode, and a mixture without held-out rows."""
    version = publish(rows, held_out=rows if held_out else [])
    manifest = read_manifest(version, digest=sha256((version / "manifest.json").read_bytes()).hexdigest())
    found = index_rows(version, manifest, split="eval", max_tokens=64)
    with pytest.raises(TrainError, match=why):
        sample_prompts(found, PLAN, family=family)


def test_a_batch_of_prompts_is_answered_like_each_alone():
    """Padding on the left and a cache change no token; the end of a turn ends an answer."""
    prompts = [encode(text) for text in ("<|im_start|>user\nHi<|im_end|>\n", "Two and two", "A")]
    with quiet():
        model = load_model("tiny-random", dtype=torch.float32)
    together = generate(model, prompts, most=6)
    assert together == [generate(model, [prompt], most=6)[0] for prompt in prompts]
    ids = torch.tensor([prompts[1]])
    for token in together[1]:  # without a cache
        with torch.no_grad():
            assert int(model(input_ids=ids).logits[0, -1].argmax()) == token
        ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
