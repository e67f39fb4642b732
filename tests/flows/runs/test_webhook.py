"""Messages to a chat: what they say, what they never say, and what a chat that does not answer costs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.builders import Inline, recipe
from tests.harness.receiver import SECRET, Receiver, receiver
from thinkmix.flows.build import pipeline as pipeline_room
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.cli.building import _build_directly
from thinkmix.flows.executor.engine import LOCAL
from thinkmix.flows.runs import webhook
from thinkmix.flows.system.progress import silent
from thinkmix.schemas.errors import (
    Blocked,
    LedgerError,
    MixtureError,
    RecipeError,
    SourceNotFound,
    TemplateError,
)
from thinkmix.schemas.run import RunReport

HOSTILE = "<!channel> <https://x.example|click> `code` *bold* & \x1b[31m\u202e"


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A chat that the environment names; pauses between tries are short."""
    monkeypatch.setattr(webhook, "PAUSE", 0.01)
    with receiver() as kept:
        monkeypatch.setenv(webhook.URL, kept.url)
        yield kept


def run(built: Built, status: str, **changes: object) -> RunReport:
    """Return the run of the small build as if it had ended in another way."""
    return built.run.model_copy(update={"status": status, **changes})


def test_message_is_the_summary(chat: Receiver, built: Built):
    """A published run is told with its shares, and where its report lies, in text and in blocks."""
    webhook.tell(built.run, built.folder)
    (message,) = chat.messages
    assert message["text"].startswith("*small* published")
    assert "| train | math | 50.00% |" in message["text"]
    assert str(built.folder / "report.html") in message["text"]
    said = "\n\n".join(block["text"]["text"] for block in message["blocks"])
    assert said == message["text"]
    assert all(len(block["text"]["text"]) <= 3000 for block in message["blocks"])
    assert all(block["text"]["verbatim"] for block in message["blocks"])


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        (None, ["published", "blocked"]),
        ("blocked,failed", ["blocked"]),
        ("unchanged", ["unchanged"]),
        (" published , unchanged ", ["published", "unchanged"]),
    ],
)
def test_only_chosen_endings_are_told(chat: Receiver, built: Built, monkeypatch, notify, told):
    """An unchanged run is silent unless it is asked for."""
    monkeypatch.setenv(webhook.NOTIFY, notify or "")
    for status in ("published", "unchanged", "blocked"):
        webhook.tell(run(built, status), built.folder)
    words = {"published": "published", "unchanged": "unchanged", "blocked": "BLOCKED:"}
    assert [text.split()[1] for text in chat.texts()] == [words[status] for status in told]


def test_failure_says_what_a_person_must_fix(chat: Receiver):
    """The code word and the sentence of an error that names files and datasets."""
    webhook.tell_failure("small", SourceNotFound("math: no file matches 'a&b<*'"))
    assert chat.texts() == ["*small* failed\n\nsource_not_found: math: no file matches 'a&amp;b&lt;*'"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TemplateError("a tool call is not JSON: SECRET ROW"), "template_error"),
        (LedgerError("SECRET ROW"), "ledger_error"),
        (ValueError("cannot parse 'SECRET ROW'"), "ValueError"),
        (OSError(5, "SECRET ROW"), "OSError"),
    ],
)
def test_failure_quotes_no_row(chat: Receiver, error: Exception, said: str):
    """Where the words of an error could be a row's, only its name is told."""
    webhook.tell_failure("small", error)
    assert chat.texts() == [f"*small* failed\n\n{said}"]


def test_held_build_is_told_once(chat: Receiver):
    """The error that ends the command of a blocked build is not told: its report was."""
    webhook.tell_failure("small", Blocked("small is blocked"))
    assert chat.messages == []


def test_hostile_words_are_text(chat: Receiver, built: Built):
    """Names from a form or a source call nobody, open no link and steer no terminal."""
    webhook.tell_failure(HOSTILE, SourceNotFound(HOSTILE))
    webhook.tell(
        run(built, "blocked", report=built.run.report.model_copy(update={"mixture": HOSTILE})), built.folder
    )
    for text in chat.texts():
        assert "&lt;!channel&gt; &lt;https://x.example|click&gt;" in text
        assert not set(text) & set("<>\x1b\u202e")


def test_long_summary_is_cut(chat: Receiver):
    """A block holds no more than a chat takes."""
    webhook.tell_failure("small", SourceNotFound("&" * 10_000))
    assert len(chat.messages[0]["blocks"][1]["text"]["text"]) <= 3000


@pytest.mark.parametrize(
    ("answers", "tries", "arrives"),
    [
        ([500, 200], 2, True),
        ([429, 503, 200], 3, True),
        ([500], 3, False),
        ([404], 1, False),
        ([302], 1, False),
    ],
)
def test_chat_that_fails_is_asked_again(chat: Receiver, capsys, answers, tries, arrives):
    """Three tries, but for an answer that says no; what fails is one line without the address."""
    chat.answers = answers
    webhook.tell_failure("small", SourceNotFound("gone"))
    assert chat.tries == tries
    assert len(chat.messages) == arrives
    said = capsys.readouterr().err
    assert said.count("\n") == (not arrives)
    assert arrives or "the webhook was not told that small is failed: it answered" in said
    assert SECRET not in said


def test_silent_chat_is_waited_for_so_long_and_no_longer(chat: Receiver, capsys, monkeypatch):
    """A chat that takes the message and never answers costs three time limits."""
    monkeypatch.setattr(webhook, "TIMEOUT", 0.1)
    chat.delay = 0.5
    webhook.tell_failure("small", SourceNotFound("gone"))
    assert "no answer (TimeoutError), 3 times" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "http://nowhere.invalid/x"])
def test_unreachable_chat_is_a_line(url: str, capsys, monkeypatch):
    """No name, no port, no TLS: said without the address, and nothing raised."""
    monkeypatch.setattr(webhook, "PAUSE", 0.01)
    monkeypatch.setenv(webhook.URL, f"{url}{SECRET}")
    webhook.tell_failure("small", SourceNotFound("gone"))
    said = capsys.readouterr().err
    assert "no answer (" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url",
    [f"file:///{SECRET}", SECRET, f"http://{SECRET}:x/", f"http:// {SECRET}", f"ftp://{SECRET}/", "http://"],
)
def test_bad_address_is_refused_unseen(url: str, capsys, monkeypatch):
    """A flag that is no address is refused; in the environment of a build it is complained of."""
    with pytest.raises(RecipeError) as refused:
        webhook.check_webhook(url, None)
    assert SECRET not in str(refused.value)
    monkeypatch.setenv(webhook.URL, url)
    webhook.tell_failure("small", SourceNotFound("gone"))
    said = capsys.readouterr().err
    assert said.startswith("thinkmix: no messages are sent")
    assert SECRET not in said


def test_unknown_ending_is_named():
    """--notify says which word it does not know."""
    with pytest.raises(
        RecipeError, match=r"--notify .* names 'hold'; there are published, unchanged, blocked"
    ):
        webhook.check_webhook("https://x.example/y", "hold,failed")


def test_command_tells_and_keeps_the_address(chat: Receiver, sources: Path, tmp_path: Path, capfd):
    """`build --direct` tells of what was published and of what failed; the address is nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_room, "workers", lambda *_: Inline())
        rest = (tmp_path, sources, 1, LOCAL)
        _build_directly(recipe(name="told"), *rest, notify=silent)
        with pytest.raises(MixtureError):
            _build_directly(recipe(name="told", size=10_000, when_short="fail"), *rest, notify=silent)
    published, ended = chat.texts()
    assert published.startswith("*told* published")
    assert ended.startswith("*told* failed\n\nmixture_error: too little for a size of 10000")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in "".join(capfd.readouterr())


def test_flags_are_checked_before_anything_is_built(command, tmp_path: Path):
    """A wrong word of --notify, or an address that is none, ends the command with exit code 2."""
    code, out, err = command(
        "build", "sample-7-3", "--store", tmp_path, "--webhook", f"slack:{SECRET}", "--json"
    )
    assert code == 2
    assert json.loads(out)["code"] == "recipe_error"
    assert SECRET not in out + err
    assert list(tmp_path.iterdir()) == []
