"""Whether the trained model thinks when it is asked to, and only then.

Each held-out prompt is asked twice, in the two forms that servers use: with the generation prompt alone, and
with an empty trace after it. Where the row learnt to answer `/no_think` with an empty trace, that is what is
asked of the model. Answers are greedy, so the same weights give the same report.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import polars as pl
import torch
from transformers import DynamicCache

from thinkmix.schemas.errors import ThinkingModeFailed, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.templates.chat.control_tokens import CLOSE_TAG, EMPTY_TRACE, OPEN_TAG, THINK
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.tokenizer import encode, reference_tokenizer
from thinkmix.train.data.rows import Rows, hash_order
from thinkmix.train.model.model import Learner, head_weight
from thinkmix.train.output.result import Answer, ModeAnswers, ModeReport

Mode = Literal["thinking", "non_thinking"]

_ENDS = ("<|im_end|>", "<|endoftext|>")
_SAMPLES = 4


class Prompt(NamedTuple):
    """A held-out prompt without the opening of the turn that answers it."""

    id: str
    text: str
    soft: bool = False
    """Whether it is to be answered with an empty trace when thinking is on: it says `/no_think`."""


def sample_prompts(held_out: Rows, plan: TrainPlan, *, family: Family) -> tuple[Prompt, ...]:
    """Return the prompts that the plan wants answered, sampled by hash from all held-out rows.

    Args:
        held_out: all held-out rows.
        plan: says how many.
        family: the mixture's, by whose form each prompt's ending is known.

    Raises:
        TrainError: when there is nothing to ask, or the template has one mode only.
    """
    if not plan.mode_prompts:
        return ()
    if family.thinks != "hybrid":
        msg = f"mode_prompts: {family.name} has one mode only, so there is no switch to check: set it to 0"
        raise TrainError(msg)
    if held_out.frame.is_empty():
        msg = "mode_prompts: the mixture holds no row out whose prompt could be asked: set it to 0"
        raise TrainError(msg)
    order = hash_order(held_out.frame["id"], "switch")[: plan.mode_prompts]
    sampled = held_out.frame[order].select("position", "id", "thinking")
    empty = pl.col("completion").str.starts_with(EMPTY_TRACE)
    texts = pl.concat([pl.scan_parquet(file).select("prompt", soft=empty) for file in held_out.files])
    found = texts.with_row_index("position").join(sampled.lazy(), on="position").collect()
    by_id = {
        name: Prompt(
            name,
            _without_opening(name, prompt, family, thinking=thinking or soft),
            soft=soft and not thinking,
        )
        for name, prompt, thinking, soft in found.select("id", "prompt", "thinking", "soft").iter_rows()
    }
    return tuple(by_id[name] for name in sampled["id"])


def _without_opening(name: str, prompt: str, family: Family, *, thinking: bool) -> str:
    opening = family.opening(thinking=thinking)
    if not prompt.endswith(opening):
        mode = "thinking" if thinking else "non-thinking"
        row = f"the prompt of a {mode} row of {family.name} ends with {opening!r}"
        msg = f"row {name}: {row}, this one does not"
        raise TrainError(msg)
    return prompt.removesuffix(opening)


def check_thinking_mode(
    learner: Learner, prompts: Sequence[Prompt], plan: TrainPlan, *, family: Family
) -> ModeReport:
    """Ask every prompt with thinking on and off, and count the answers that do as asked.

    Raises:
        ThinkingModeFailed: if fewer do than the plan's `mode_least`, in either mode.
    """
    answers = {mode: _ask(learner, prompts, plan, family, mode) for mode in get_args(Mode)}
    soft = [prompt.soft for prompt in prompts]
    report = ModeReport(
        thinking=_count(answers["thinking"], soft),
        non_thinking=_count(answers["non_thinking"], soft),
        samples=tuple(answer for mode in get_args(Mode) for answer in answers[mode][:_SAMPLES]),
    )
    for asked, counts in (("on", report.thinking), ("off", report.non_thinking)):
        if counts.right / counts.answers < plan.mode_least:
            raise ThinkingModeFailed(_failure(asked, counts, report, plan.mode_least))
    return report


def _failure(asked: str, counts: ModeAnswers, report: ModeReport, least: float) -> str:
    told = "; ".join(
        f"thinking {name}: {mode.opened} open a trace, {mode.closed} close it, {mode.empty} leave it empty"
        for name, mode in (("on", report.thinking), ("off", report.non_thinking))
    )
    share = f"{counts.right} of {counts.answers} answers do as asked, and mode_least is {least:g}"
    return f"mode switch: with thinking {asked} {share} ({told}): nothing is written"


def _ask(
    learner: Learner, prompts: Sequence[Prompt], plan: TrainPlan, family: Family, mode: Mode
) -> list[Answer]:
    opening = family.opening(thinking=mode == "thinking")
    asked = [encode(prompt.text + opening) for prompt in prompts]
    said: dict[int, str] = {}
    for batch in _batches([len(ids) for ids in asked], plan):
        answers = generate(learner, [asked[number] for number in batch], most=plan.mode_tokens)
        said |= zip(batch, map(_text, answers), strict=True)
    opened = THINK if mode == "thinking" and family.opens_trace else ""
    return [
        Answer(id=prompt.id, mode=mode, text=opened + said[number]) for number, prompt in enumerate(prompts)
    ]


def _text(ids: Sequence[int]) -> str:
    return reference_tokenizer().decode(ids, skip_special_tokens=False)


def _batches(lengths: Sequence[int], plan: TrainPlan) -> Iterator[list[int]]:
    """Yield prompts of like lengths that fit the plan's batch together with their answers."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if batch and (len(batch) + 1) * (lengths[number] + plan.mode_tokens) > plan.batch:
            yield batch
            batch = []
        batch.append(number)
    yield batch


def _count(answers: Sequence[Answer], soft: Sequence[bool]) -> ModeAnswers:
    traces = [_traces(answer.text) for answer in answers]
    return ModeAnswers(
        answers=len(answers),
        opened=sum(trace.opened for trace in traces),
        closed=sum(trace.closed for trace in traces),
        empty=sum(trace.empty for trace in traces),
        right=sum(map(_is_right, answers, traces, soft)),
    )


class _Trace(NamedTuple):
    opened: bool
    closed: bool
    empty: bool


def _traces(text: str) -> _Trace:
    _, opened, rest = text.partition(OPEN_TAG)
    trace, closed, _ = rest.partition(CLOSE_TAG)
    return _Trace(bool(opened), bool(closed), bool(closed) and not trace.strip())


def _is_right(answer: Answer, trace: _Trace, soft: bool) -> bool:
    if answer.mode == "thinking":
        return answer.text.startswith(OPEN_TAG) and trace.empty == soft
    return OPEN_TAG not in answer.text and CLOSE_TAG not in answer.text


@torch.no_grad()
def generate(learner: Learner, prompts: Sequence[Sequence[int]], *, most: int) -> list[list[int]]:
    """Return the greedy continuation of each prompt, up to and with the end of the turn.

    Not by transformers' `generate`, which mixes in what a model's folder says of temperatures and penalties.

    Args:
        learner: the model.
        prompts: token ids; together they are one batch, padded on the left.
        most: longest continuation, in tokens.
    """
    learner.eval()
    device = head_weight(learner).device
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + [*prompt] for prompt in prompts], device=device)
    mask = torch.tensor(
        [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device
    )
    ends = {encode(token)[0] for token in _ENDS}
    said: list[list[int]] = [[] for _ in prompts]
    cache = DynamicCache()
    for _ in range(most):
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        logits = learner(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        ids = logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
        for answer, token in zip(said, ids[:, 0].tolist(), strict=True):
            if not answer or answer[-1] not in ends:
                answer.append(token)
        if all(answer[-1] in ends for answer in said):
            break
    return said
