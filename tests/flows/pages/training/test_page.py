"""The page of a training: what it shows, what it leaves out, and that no text in it is obeyed."""

from itertools import cycle

import pytest

from tests.flows.pages.test_page import words
from tests.flows.pages.test_report import EVIL, Page, check_harmless
from tests.harness.charts import parsed
from tests.harness.trained import STEPS, clock, manifest, trained
from tests.harness.trained import curve as evals
from thinkmix.flows.pages.training import figures
from thinkmix.flows.pages.training.change import changes_of
from thinkmix.flows.pages.training.page import (
    CARD,
    PAGE,
    FailedTraining,
    render_failure,
    render_page,
    write_failure,
    write_page,
)
from thinkmix.schemas.errors import Forgotten, TrainError
from thinkmix.schemas.training import TrainPlan

SECTIONS = {"#verdict", "#loss", "#heldout", "#switch", "#pace", "#data", "#plan", "#origin"}


def failed(error=None, **facts):
    """Return the page of a run that was stopped halfway."""
    told = {
        "mixture": "math-7-3",
        "version": "a7" * 32,
        "model": "Qwen/Qwen3-4B",
        "plan": trained().plan,
        "points": evals()[:4],
        "losses": trained().losses[:75],
        "resumed_at": 0,
    }
    return render_failure(FailedTraining(error or Forgotten("chat was forgotten"), **(told | facts)))


def evil(start: int):
    """Return a text for every text: the next evil string, the same for the same text."""
    strings, said = cycle([*EVIL[start:], *EVIL[:start]]), {}
    return lambda string: said.setdefault(string, next(strings))


def test_the_page_is_one_file_that_fetches_and_runs_nothing():
    """Scripts and requests are forbidden by policy, and there is no tag or attribute that would need them."""
    for html in (render_page(trained(), clock(), manifest()), failed()):
        check_harmless(html, SECTIONS)
        assert 'http-equiv="Content-Security-Policy" content="default-src \'none\';' in html
        assert "://" not in html
        assert "url(" not in html


def test_every_link_leads_to_a_section():
    """Both pages have each section that their navigation names."""
    for html in (render_page(trained(), clock(), manifest()), failed()):
        assert [link for link in Page(html).links if f'id="{link[1:]}"' not in html] == []


def test_the_page_of_a_whole_run_tells_everything():
    """Verdict, losses, switch with answers, pace, memory, data, plan, versions and files are all there."""
    text = words(render_page(trained(), clock(), manifest()))
    said = [
        "These weights may be used.",
        "The held-out loss fell from 2.000 to 1.400.",
        "−0.600, it was 2.000",
    ]
    said += ["better, within its bound", "dashed: it may rise by 0.05", "a point is the mean of 3 steps"]
    said += [
        "to think161616160",
        "12 times 12 is 144.",
        "Let me see",
        "1 h 20 min",
        "19.4 GB at the most, as torch",
    ]
    said += [
        "6.1 GB at the most",
        "NVIDIA GeForce RTX 4090",
        "727 in the median step",
        "76.6%",
        "nothing is padded",
    ]
    said += ["12 training rows and 1 held-out ones are over 16\u202f384 tokens", "nvidia/math", "apache-2.0"]
    said += ["60.9%", "max_steps", "cosine, up to 0.0002 after 5% of the steps", "chat: 0.05", "2.13.0"]
    said += [
        "adapter_model.safetensors",
        "5a" * 32,
        "a7" * 32,
        "in 200 steps rows were read 9\u202f360 times",
    ]
    assert [one for one in said if " ".join(one.split()) not in text] == []


def test_every_chart_says_in_words_what_it_shows():
    """Each picture has a text for those who do not see it, and a table of its numbers."""
    html = render_page(trained(), clock(), manifest())
    pictures = html.count("<svg ")
    assert pictures == 10  # training, six held-out, two of pace, learning rate
    assert html.count('class="chart" role="img" aria-label="') == pictures
    assert html.count("<summary>Numbers</summary>") == pictures
    assert "Loss while training over steps: " in html


def test_the_page_of_a_bare_run_says_what_is_not_there():
    """Without held-out rows, switch, clock, version or settings, each section says what is missing."""
    bare = trained(evals=(), switch=None, protected={}, plan=TrainPlan(), losses=(2.0,))
    text = words(render_page(bare, None, None))
    said = ["Nothing was measured: no row was held out", "It was not checked. With --mode-prompts 32"]
    said += [
        "The run was not timed.",
        "are in the report of that version",
        "All settings have their defaults",
    ]
    assert [one for one in said if one not in text] == []
    check_harmless(render_page(bare, None, None), SECTIONS)


def test_the_page_tells_a_padded_resumed_run_on_several_devices_by_one_mode():
    """Padding, the step after which the run went on, the processes, and a template without a switch."""
    plan = trained().plan.model_copy(update={"packing": False})
    counts = trained().counts.model_copy(update={"padding_tokens": 800_000})
    result = trained(plan=plan, counts=counts, template="qwen3-thinking-2507", switch=None)
    timing = clock(resumed_at=120, processes=4, peak_device_memory=None, steps=())
    text = words(render_page(result, timing, None))
    said = ["Padded batches", "packing would avoid this", "20.0%", "resumed after step 120", "4 processes"]
    said += ["qwen3-thinking-2507 has one mode only", "6.1 GBmemory at the mostof the process"]
    assert [one for one in said if one not in text] == []


def test_weights_of_an_earlier_step_are_marked_on_the_curve():
    """The point of the step that was kept has a ring, which the last step needs not."""
    last, earlier = (
        parsed(figures.held_out(evals(), changes_of(trained(kept_step=kept)), kept=kept)[0].picture)
        for kept in (STEPS, 100)
    )
    assert len(list(earlier.iter("circle"))) == len(list(last.iter("circle"))) + 1


def test_a_mixture_of_many_sources_draws_some_and_tells_all():
    """Thirty sources: twenty-four figures at the most, all in the table, and a line that gives the rest."""
    names = [f"source-{number}" for number in range(30)]
    points = tuple(
        each.model_copy(update={"by_source": dict.fromkeys(names, each.total)}) for each in evals()
    )
    text = words(render_page(trained(evals=points, protected={}, plan=TrainPlan()), None, None))
    assert "Curves of 9 more sources and modes are not drawn" in text
    assert [name for name in names if name not in text] == []


def test_a_failed_run_shows_the_sentence_and_the_curve_so_far():
    """Red: the error's own words, the steps that were made, the losses until then, the plan."""
    text = words(failed(Forgotten("forgotten at step 75: chat may rise by 0.05"), resumed_at=25))
    said = [
        "The model forgot a protected source: nothing was written.",
        "Forgotten at step 75: chat may rise",
    ]
    said += [
        "100last step made",
        "The curve so far",
        "max_steps",
        "−0.444, it was 2.000",
        "mixture a7a7a7a7a7a7",
    ]
    assert [one for one in said if one not in text] == []


def test_the_curve_of_a_resumed_run_begins_where_it_went_on():
    """Losses of the earlier run are not known, so its first step here is not step 1."""
    html = failed(resumed_at=25, losses=(2.0, 1.9))
    assert "Loss while training over steps: 2.000 at step 26, 1.900 at step 27" in html


def test_a_run_that_failed_before_its_first_step_has_a_page():
    """Nothing was measured and no step was made: the page says both."""
    text = words(failed(TrainError("no such model"), points=(), losses=()))
    assert "It failed before its first step." in text
    assert "Nothing was measured" in text
    assert "No such model." in text


@pytest.mark.parametrize("start", range(0, len(EVIL), 14))
def test_evil_texts_in_every_field_are_shown_and_not_obeyed(start: int):
    """With another string in each text of result, clock and manifest: no tag but ours, no computed braces."""
    text = evil(start)
    html = render_page(trained(text=text), clock(text=text), manifest(text=text))
    check_harmless(html, SECTIONS)
    assert text("NVIDIA GeForce RTX 4090") in "".join(Page(html).text)
    assert text("apache-2.0") in "".join(Page(html).text)


@pytest.mark.parametrize("string", EVIL)
def test_an_evil_error_model_or_source_does_nothing_to_the_page_of_a_failure(string: str):
    """One string as the error, the mixture, the model and a source."""
    plan = TrainPlan(protected={string: 0.1})
    points = [each.model_copy(update={"by_source": {string: each.total}}) for each in evals()[:2]]
    told = {"mixture": string, "version": string, "model": string, "plan": plan, "points": points}
    html = failed(TrainError(string), **told)
    check_harmless(html, SECTIONS)
    assert string[1:] in "".join(Page(html).text)


def test_pages_are_written_whole_and_anew(tmp_path):
    """Both files appear, nothing else does, and a second time replaces them."""
    (tmp_path / "training.json").write_text(trained(files={}).model_dump_json(), encoding="utf-8")
    assert write_page(tmp_path, timing=None) == tmp_path / PAGE
    (tmp_path / PAGE).write_text("old")
    write_page(tmp_path, timing=clock())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["training.json", PAGE, CARD])
    assert "NVIDIA GeForce" in (tmp_path / PAGE).read_text(encoding="utf-8")


def test_the_page_of_a_failure_is_written_where_the_caller_says(tmp_path):
    """One file, whole, at the path that is returned."""
    failed = FailedTraining(
        error=TrainError("step 3: loss nan"),
        mixture="math-7-3",
        version="a7" * 32,
        model="tiny-random",
        plan=TrainPlan(),
    )
    path = write_failure(tmp_path / "failed.html", failed)
    assert "Step 3: loss nan." in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is not a training run: training.json cannot be read (No such file"),
        (b"{", "training.json is not the manifest of a training run: not JSON"),
        (b'{"mixture": 1, "speed": 2}', "not the manifest of a training run: counts, evals"),
    ],
)
def test_a_folder_that_no_run_wrote_is_refused(content, sentence: str, tmp_path):
    """The sentence names the file and the fields; no page is left."""
    if content:
        (tmp_path / "training.json").write_bytes(content)
    with pytest.raises(TrainError) as refused:
        write_page(tmp_path, timing=None)
    assert sentence in str(refused.value)
    assert not (tmp_path / PAGE).exists()
