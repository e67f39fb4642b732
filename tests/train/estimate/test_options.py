"""Which card a method fits, what makes it fit, and which method is proposed."""

import pytest

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.estimate.gpus import GPUS, Gpu, find_gpu
from thinkmix.train.estimate.options import METHODS, Size, least_change, option, propose, with_method
from thinkmix.train.estimate.shapes import QWEN3

EIGHT = QWEN3["Qwen3-8B"]
LONG = Size(16_384, 16_384)


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("24GB", 24 * 10**9),
        ("24 gb", 24 * 10**9),
        ("4090", 24_564 * 2**20),
        ("rtx-4090", 24_564 * 2**20),
        ("A100 40GB", 40_960 * 2**20),
        ("H200", 143_771 * 2**20),
    ],
)
def test_a_card_is_named_or_sized(text, memory):
    """A size stands for any card and is read as 10^9 bytes, the lesser meaning."""
    assert find_gpu(text).memory == memory


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A100", "gpu A100 is one of several: name A100 40GB, A100 80GB, or a size such as 24GB"),
        ("TPU", "gpu TPU is not known: name RTX 3060 12GB"),
        ("", "gpu  is not known"),
    ],
)
def test_an_unknown_card_is_refused(text, sentence):
    """The sentence lists what can be named."""
    with pytest.raises(TrainError) as caught:
        find_gpu(text)
    assert sentence in str(caught.value)


def test_a_tenth_of_a_card_stays_free():
    """Without it a run is tight."""
    card = Gpu("card", 100)
    assert [card.verdict(needed) for needed in (90, 91, 100, 101)] == ["fits", "tight", "tight", "no"]


def test_cards_are_listed_by_memory():
    """So the first that fits is the smallest."""
    assert list(GPUS) == sorted(GPUS, key=lambda gpu: gpu.memory)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("card", ["12GB", "24GB", "80GB"])
def test_a_change_makes_an_option_fit(method, card):
    """Whatever is proposed fits with headroom, and 512 tokens more at once would not."""
    gpu = find_gpu(card)
    chosen = option(EIGHT, with_method(TrainPlan(), method), LONG)
    change = least_change(EIGHT, chosen, gpu)
    if change is None:
        least = Size(512, 512)
        plan = TrainPlan(method=method, checkpointing=True, optimiser="adamw8bit")
        assert gpu.verdict(option(EIGHT, plan, least).memory.total) != "fits"
        return
    assert gpu.verdict(change.option.memory.total) == "fits"
    if (tokens := change.option.size.tokens) < LONG.tokens:
        more = Size(tokens + 512, tokens + 512)
        assert gpu.verdict(option(EIGHT, change.option.plan, more).memory.total) != "fits"
        assert change.words[-2:] == (
            f"batch and max_tokens {tokens}",
            f"accumulate {-(-LONG.tokens // tokens)}",
        )


def test_an_option_that_fits_is_not_changed():
    """Four thousand tokens of an 8B in 4 bit fit a card of 80 GB as they are."""
    chosen = option(EIGHT, TrainPlan(method="qlora4"), Size(4096, 4096))
    change = least_change(EIGHT, chosen, find_gpu("80GB"))
    assert (change.words, change.option) == ((), chosen)


def test_short_rows_are_read_in_smaller_batches_instead_of_being_quantised():
    """With no row above 2,000 tokens an 8B is trained by LoRA on 24 GB, in smaller batches."""
    plan = TrainPlan(max_tokens=2048, accumulate=2)
    change = propose(EIGHT, plan, Size(16_384, 2000), find_gpu("24GB"))
    assert change.option.plan.method == "lora"
    assert change.words == ("checkpointing true", "batch 5120", "accumulate 7")


def test_the_least_quantised_method_that_reads_all_is_proposed():
    """16,384 tokens on an 8B: LoRA on 48 GB; on 24 GB INT4 alone reads all, on 12 GB it reads most."""
    proposed = {card: propose(EIGHT, TrainPlan(), LONG, find_gpu(card)) for card in ("48GB", "24GB", "12GB")}
    assert [change.option.plan.method for change in proposed.values()] == ["lora", "qlora4", "qlora4"]
    assert [change.option.size.tokens for change in proposed.values()] == [16_384, 16_384, 4_608]
    assert propose(QWEN3["Qwen3-235B-A22B"], TrainPlan(), LONG, find_gpu("80GB")) is None


def test_another_method_leaves_behind_what_it_has_no_use_for():
    """A plan for a quantised adapter becomes one that trains all weights, with everything else as stated."""
    plan = TrainPlan(
        method="qlora4", init="loftq", dropout=0.1, keep_16bit=("o_proj",), rank=8, checkpointing=True
    )
    full = with_method(plan, "full")
    assert (full.init, full.dropout, full.keep_16bit, full.checkpointing) == ("random", 0.0, (), True)
    assert with_method(plan, "qlora8").keep_16bit == ("o_proj",)
    assert with_method(plan, "qlora4") == plan
