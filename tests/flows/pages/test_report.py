"""Report, card, summary and terminal: what they show, and that nothing in a row or a recipe is obeyed."""

import json
import warnings
from functools import partial
from html.parser import HTMLParser
from io import StringIO
from itertools import cycle
from pathlib import Path

import polars as pl
import pytest
import yaml
from rich.console import Console

from tests.harness.builders import (
    REASONS,
    chat_row,
    math_row,
    quick_build,
    recipe,
    statement,
    text,
    write_rows,
)
from tests.harness.reports import flooded, full_run
from thinkmix.curation.audit.precision import measured_precision
from thinkmix.curation.sample import targets, work
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.cli.show.printing import say
from thinkmix.flows.cli.show.show import show_version, version_facts
from thinkmix.flows.cli.show.show_rows import show_explanation
from thinkmix.flows.inspect.explain import Explanation
from thinkmix.flows.inspect.rows import Outcome
from thinkmix.flows.pages.card import dataset_card
from thinkmix.flows.pages.report.page import render_page
from thinkmix.flows.runs.summary import fractions, ledger_table, summary
from thinkmix.schemas.report import Report, Sample

EVIL = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>',
    "'><b onmouseover=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</pre></div></main><h1>x</h1>",
    "<!-- --!><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<iframe src=javascript:alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=data:text/html;base64,PHNjcmlwdD4=>x</a>",
    "<meta http-equiv=refresh content=0;url=http://evil.example>",
    "<base href=http://evil.example>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<form action=http://evil.example><input name=a>",
    "<math><mtext><style><img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "{{ 1234567 * 7654321 }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% for x in range(9) %}a1b2{% endfor %}",
    "{# gone #}",
    "${1234567*7654321}",
    "#{1234567*7654321}",
    "<%= 1234567*7654321 %>",
    "[bold red]loud[/bold red]",
    "[link=http://evil.example]click[/link]",
    "[/]",
    "[/nothing]",
    "\\[bold]x\\",
    ":warning: :boom:",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\u202eesrever\u202c",
    "![x](http://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "| a | b |\n|---|---|\n# Heading\n---\nlicense: evil",
    "`code`\n```\n<script>alert(1)</script>\n```",
)
"""Strings that some reader of reports has obeyed."""

_TAGS = (
    "html head meta title style body nav a main section article header footer h1 h2 h3 p div span ul li i b \
table thead tbody tr th td strong em code pre mark details summary small br dl dt dd figure figcaption \
svg rect circle text tspan g line path"
)
TAGS = set(_TAGS.split())
"""Tags of a page that only shows."""

SECTIONS = {"#verdict", "#changes", "#row-flow", "#reasons", "#shares", "#lengths", "#thinking", "#content"}
SECTIONS |= {"#reading", "#duplicates", "#trend", "#samples", "#origin"}
"""Where the page's own links lead: to nothing outside."""

FETCHING = {"href", "xlink:href", "src", "srcset", "action", "formaction", "data", "poster", "background"}
"""Attributes that make a browser ask for something."""


class Page(HTMLParser):
    """What a browser would make of a page: its tags, their attributes and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Note a tag and the names of its attributes."""
        self.tags.add(tag)
        self.attributes |= {name for name, value in attrs if (tag, name) != ("a", "href")}
        self.links |= {value or "" for name, value in attrs if (tag, name) == ("a", "href")}

    def handle_data(self, data):
        """Note text."""
        self.text.append(data)


@pytest.fixture(scope="module")
def report(version: Path) -> Report:
    """The report of the small version."""
    return Report.model_validate_json((version / "report.json").read_bytes())


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A mixture whose rows, speakers, columns, file names, title and licences are evil."""
    base = tmp_path_factory.mktemp("evil")
    good = [math_row(n) for n in range(30)]
    bad = [{**math_row(f"row {n}", trace=""), string: string} for n, string in enumerate(EVIL)]
    bad += [{**math_row(string), string: string} for string in EVIL]
    write_rows(base / "math" / "[bold]<b>&amp;{{7*7}}.jsonl", good + bad)
    chats = [chat_row(f"Tell me of {text(('chat', n))}?", f"Yes, {n}.") for n in range(30)]
    chats += [chat_row(string, "Ok.", speakers=(string, "gpt")) for string in EVIL]
    chats += [chat_row(f"{string} {text(string)}", string) for string in EVIL]
    write_rows(base / "chat" / "<script>alert(1)<script>.jsonl", [*chats, *EVIL])
    stated = statement(title="\n".join(EVIL[:30]), name="evil")
    for source, string in zip(
        stated["sources"], ("]: {'\"", "a\n---\n<script>alert(1)</script>"), strict=True
    ):
        source["licence"] = string
    stated["sources"][0]["files"] = ["math/*"]
    stated["sources"][1]["files"] = ["chat/*"]
    return quick_build(recipe(**stated), tmp_path_factory.mktemp("store"), base)


def shown(show, *args) -> str:
    """Return what a terminal without colours gets."""
    out = StringIO()
    show(*args, Console(file=out, width=2000, highlight=False))
    return out.getvalue()


def test_report_is_one_page_that_fetches_and_runs_nothing(built: Built):
    """The page forbids scripts and requests by policy, and holds no tag or attribute that would need them."""
    html = render_page(built.run)
    page = Page(html)
    policy = (
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'"
    )
    assert policy in html
    assert page.tags <= TAGS
    assert not {name for name in page.attributes if name.startswith("on")}
    assert page.attributes & FETCHING == set()
    assert page.links <= SECTIONS
    assert "://" not in html
    assert "url(" not in html


def test_report_shows_what_was_left_out(report: Report, built: Built):
    """Every reason is on the page with its number of rows, and so are shares, checks and sources."""
    words = " ".join("".join(Page(render_page(built.run)).text).split())
    for reason in REASONS:
        assert reason in words
    for check in report.checks:
        assert check.passed
        assert check.detail in words
    for source in built.manifest.sources:
        assert source.commit[:12] in words


def test_page_says_how_often_dedup_is_right_and_where_that_was_read(report: Report, built: Built):
    """In the section on duplicates, with intervals; and that it was not read in this version's rows."""
    page = " ".join(render_page(built.run).split())
    section = page.partition('<section id="duplicates">')[2].partition("</section>")[0]
    assert report.precision == measured_precision()
    for one in report.precision:
        said = f"{one.right} of {one.pairs} pairs of <i>{one.reason.replace('_', ' ')}</i>"
        assert f"{said} (95 % interval {100 * one.low:.1f} to {100 * one.high:.1f} %)" in section
    assert "in other rows than these" in section
    assert "docs/recipes.md" in section


def test_evil_samples_are_shown_and_not_obeyed(report: Report, built: Built):
    """Each string, in every field of a sample, a title, a check, stands on the page as text."""
    samples = [
        Sample(id=s, source="math", file=s, row=1, stage="validate", reason="bad_json", detail=s, content=s)
        for s in EVIL
    ]
    checks = tuple(report.checks[0].model_copy(update={"detail": string}) for string in EVIL)
    origins = tuple(report.sources[0].model_copy(update={"dataset": s, "licence": s}) for s in EVIL)
    changes = {"samples": tuple(samples), "title": EVIL[6], "checks": checks, "sources": origins}
    html = render_page(built.run.model_copy(update={"report": report.model_copy(update=changes)}))
    page = Page(html)
    assert page.tags <= TAGS
    assert not {name for name in page.attributes if name.startswith("on")}
    assert page.links <= SECTIONS
    words = "".join(page.text)
    for string in EVIL:
        assert string in words
        assert "<" not in string or string not in html
    assert str(1234567 * 7654321) not in html


def check_harmless(html: str, sections: set[str] = SECTIONS) -> None:
    """Assert that a page has no tag, attribute or link but ours, no evil tag and no computed braces."""
    page = Page(html)
    assert page.tags <= TAGS
    assert not {name for name in page.attributes if name.startswith("on")}
    assert page.attributes & FETCHING == set()
    assert page.links <= sections
    assert [string for string in EVIL if "<" in string and string in html] == []
    assert str(1234567 * 7654321) not in html


def test_evil_texts_in_every_field_and_chart_are_not_obeyed(report: Report):
    """With another evil string in each field and key of a full run, page and charts have no tag but ours."""
    strings = cycle(EVIL)
    html = render_page(flooded(full_run(report), lambda: next(strings)))
    check_harmless(html)


def test_evil_texts_are_shown_in_the_summary_and_not_obeyed(report: Report):
    """Gates and approvals that speak of evil columns make no tag, link, heading or table of the summary."""
    strings = cycle(EVIL)
    words = summary(flooded(full_run(report, blocked=False), lambda: next(strings)))
    assert [string for string in EVIL if "<" in string and string in words.split("| split")[0]] == []
    assert "](" not in words.replace("\\](", "").replace("\\]\\(", "")
    assert not [line for line in words.splitlines() if line.startswith(("#", "---"))]


def test_evil_rows_do_not_shape_the_report(evil: Built):
    """A real build of evil rows, names and titles gives a page of the same tags and no computed braces."""
    html = (evil.folder / "report.html").read_text(encoding="utf-8")
    check_harmless(html)


def test_evil_rows_are_in_neither_card_nor_summary(evil: Built):
    """Card and summary speak of numbers and names; no text of a row is in them, and a title stays a title."""
    card = (evil.version / "README.md").read_text(encoding="utf-8")
    _, header, body = card.split("---\n", 2)
    assert set(yaml.safe_load(header)) == {"license", "task_categories", "tags", "configs"}
    assert yaml.safe_load(header)["license"] == "other"
    assert [line for line in body.splitlines() if line.startswith("#")][1:] == ["## Shares", "## Sources"]
    for words in (body, summary(evil.run), json.dumps(ledger_table(evil.manifest.ledger))):
        assert [string for string in EVIL if "<" in string and string in words] == []
        assert "Tell me of" not in words
        assert "Find " not in words
    assert not {"script", "img", "svg", "iframe"} & Page(body.replace("\\<", "")).tags


def test_evil_licence_of_all_sources_is_quoted(report: Report):
    """One licence for all sources goes into the header as a YAML string, whatever its characters."""
    licence = "a: b\n---\n# x"
    sources = tuple(source.model_copy(update={"licence": licence}) for source in report.sources)
    card = dataset_card(report.model_copy(update={"sources": sources}))
    assert yaml.safe_load(card.split("\n---\n", 1)[0].removeprefix("---\n"))["license"] == licence


def test_card_warns_of_licences_that_limit_use(report: Report):
    """Of every source with such a licence or with none, and of no other."""
    for licence, says in (("CC-BY-NC-4.0", "forbids commercial use"), (None, "states no licence")):
        sources = tuple(source.model_copy(update={"licence": licence}) for source in report.sources)
        assert dataset_card(report.model_copy(update={"sources": sources})).count(says) == len(sources)
    free = tuple(source.model_copy(update={"licence": "apache-2.0"}) for source in report.sources)
    card = dataset_card(report.model_copy(update={"sources": free}))
    assert "forbids" not in card
    assert "states no licence" not in card


@pytest.mark.parametrize(
    ("template", "soft_switch", "said"),
    [("qwen3", "plain", False), ("qwen3", "train", True), ("qwen3-instruct-2507", "train", False)],
)
def test_card_says_which_sources_learn_their_empty_traces(
    template: str, soft_switch: str, said: bool, report: Report
):
    """Where the empty block is trained, the card does not say that it never is."""
    first = {**report.recipe["sources"][0], "soft_switch": soft_switch}
    stated = {**report.recipe, "sources": [first], "template": template}
    card = dataset_card(report.model_copy(update={"recipe": stated}))
    exception = f"Answers to `/no_think` are the exception in {first['name']}: they learn the empty block."
    assert (exception in card) == said


@pytest.mark.parametrize("string", EVIL)
def test_evil_title_stays_one_harmless_line_of_the_card(string: str, report: Report):
    """Whatever the title of a recipe is, the card has the same lines below it, and no tag, link or image."""
    calm = dataset_card(report.model_copy(update={"title": "Calm"}))
    card = dataset_card(report.model_copy(update={"title": string}))
    (title,) = set(card.splitlines()) - set(calm.splitlines())
    assert title.startswith("# ")
    assert len(card.splitlines()) == len(calm.splitlines())
    assert title.isprintable()
    bare = title.replace("\\\\", "")
    for mark in "`*_[]<>|#{}":
        assert mark not in bare.replace(f"\\{mark}", "").removeprefix("#")


@pytest.mark.parametrize("string", EVIL)
def test_terminal_shows_and_does_not_obey(string: str):
    """Markup, emoji names and escape codes out of a row stand in the terminal as they were written."""
    outcome = Outcome(
        id="a1", source="math", file=string, row=3, stage="validate", reason="bad_json", detail=string,
        cluster=None, winner=None, similarity=None, examples=0, sampled=0,
    )  # fmt: skip
    out = shown(
        show_explanation, Explanation(rows=(outcome,), mates=(outcome,), comparison=None, text=string)
    )
    steers = [char for char in out if not char.isprintable() and char != "\n"]
    assert steers == []
    visible = "".join(char if char.isprintable() or char == "\n" else _code(char) for char in string)
    assert out.count(visible) == 5


def _code(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


def test_plain_text_keeps_what_people_write():
    """Letters of any script, emoji, tabs and line breaks are left as they are."""
    words = "naïve 数学 \t 😀\nx"
    out = StringIO()
    say(Console(file=out, width=200), words)
    assert out.getvalue().replace(" ", "") == words.expandtabs().replace(" ", "") + "\n"


def test_evil_version_is_shown_plainly(evil: Built):
    """The title of a mixture and the folder it lies in are shown, not obeyed."""
    out = shown(show_version, evil.version)
    assert [char for char in out if not char.isprintable() and char != "\n"] == []
    assert "[bold red]loud[/bold red]" in out
    assert str(evil.version) in out


def test_version_is_shown_with_shares_and_losses(version: Path):
    """A person sees the verdict, the shares in three units, every reason, and where to look further."""
    out = shown(show_version, version)
    assert "may be trained on" in out
    assert "50.00%" in out
    for reason in REASONS:
        assert f"{reason} " in out
    assert str(version.parents[1] / "report.html") in out


def test_failed_check_is_not_overlooked(version: Path, tmp_path: Path, report: Report, built: Built):
    """One check that did not pass turns the verdict, in the terminal, for machines and on the page."""
    failed = report.checks[1].model_copy(update={"passed": False})
    changed = report.model_copy(update={"checks": (report.checks[0], failed)})
    (tmp_path / "report.json").write_text(changed.model_dump_json())
    (tmp_path / "manifest.json").write_bytes((version / "manifest.json").read_bytes())
    assert "do not train on it" in shown(show_version, tmp_path)
    assert version_facts(tmp_path)["good"] is False
    assert "do not train on this" in render_page(built.run.model_copy(update={"report": changed}))


def test_facts_for_machines_are_those_of_the_manifest(version: Path, built: Built):
    """What `--json` prints is JSON: where the version lies, its shares and whether it is good."""
    facts = json.loads(json.dumps(version_facts(version)))
    assert facts["version"] == built.digest
    assert facts["good"] is True
    assert facts["content_sha256"] == built.manifest.content_sha256
    assert [share["examples"] for share in facts["shares"]] == [s.examples for s in built.manifest.shares]


def test_fractions_of_a_split_sum_to_one(built: Built):
    """In each unit the sources of a split make up the whole of it."""
    for split in ("train", "eval"):
        rows = [row for row in fractions(built.manifest.shares) if row["split"] == split]
        for unit in ("examples", "tokens", "trainable_tokens"):
            assert sum(row[unit] for row in rows) == pytest.approx(1)


def test_ledger_table_balances(built: Built):
    """Per stage and source, the lines of the table add up to what the stage read."""
    lines = ledger_table(built.manifest.ledger)
    for count in built.manifest.ledger.stages:
        mine = [line for line in lines if (line["stage"], line["source"]) == (count.stage, count.source)]
        assert sum(line["rows"] for line in mine) == count.read.rows
        assert sum(line["text_bytes"] for line in mine) == count.read.text_bytes


@pytest.mark.parametrize(("shards", "eval_share"), [(1, 0.1), (7, 0.1), (1, 0)])
def test_version_is_a_dataset(shards: int, eval_share: float, sources: Path, tmp_path: Path, monkeypatch):
    """`datasets.load_dataset` reads the folder: splits, rows in order, prompts and completions as text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets import Value, load_dataset  # noqa: PLC0415 - slow

    small = partial(targets.assign_shards, shard_bytes=90_000 // shards)
    monkeypatch.setattr(work, "assign_shards", small)
    built = quick_build(recipe(eval_share=eval_share), tmp_path / "store", sources)
    found = load_dataset(str(built.version), cache_dir=str(tmp_path / "cache"))
    splits = ("train", "eval") if eval_share else ("train",)
    assert tuple(found) == splits
    for split in splits:
        paths = sorted(built.version.glob(f"{split}-*.parquet"))
        assert (len(paths) > 1) == (shards > 1 and split == "train")
        rows = pl.concat([pl.read_parquet(path) for path in paths])
        assert found[split].column_names == rows.columns
        assert found[split]["id"][:] == rows["id"].to_list()
        assert found[split]["prompt"][:] == rows["prompt"].to_list()
        assert found[split].features["prompt"] == found[split].features["completion"] == Value("string")
        chat = found[split][0]["messages"]
        assert {turn["role"] for turn in chat} <= {"system", "user", "assistant", "tool"}
        counted = sum(share.examples for share in built.manifest.shares if share.split == split)
        assert found[split].num_rows == counted
