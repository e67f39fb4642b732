"""The gate `layout`: rows that are read by another format than before are a matter for a person."""

import pytest

from tests.curation.gates.test_gates import facts
from tests.curation.gates.test_gates import found as gate
from tests.harness.builders import in_full, statement
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.manifest import SourceEntry
from thinkmix.schemas.report import Report


def read_by(chat: dict[str, object], *, stated: object = "auto") -> Report:
    """Return a report whose source `chat` was read by a format, and whose recipe states `stated`."""
    recipe = statement()
    recipe["sources"][1]["format"] = stated
    entry = SourceEntry(
        name="chat", dataset="d", revision="r", commit="c", licence=None, format=chat, files=()
    )
    return facts().model_copy(update={"recipe": in_full(recipe), "sources": (entry,)})


def found(report: Report, before: Report, **settings: object) -> list[GateResult]:
    return gate("layout", report, before, **settings)


SHAREGPT = {"type": "sharegpt", "answer_tag": "answer"}


def test_another_result_than_in_the_last_good_build_holds_the_version() -> None:
    """The sentence names both formats, as a recipe states them."""
    (result,) = found(read_by({"type": "messages"}), read_by(SHAREGPT))

    assert (result.subject, result.level) == ("chat", "fail")
    assert result.sentence == (
        "chat is read as {type: messages}, and as {type: sharegpt, answer_tag: answer} in the last good build"
    )


def test_a_long_format_is_cut_after_300_characters() -> None:
    """A format that names many speakers does not fill the page."""
    (result,) = found(
        read_by({"type": "messages"}), read_by({**SHAREGPT, "system": "s" * 256, "answer_tag": "a" * 40})
    )
    shown = result.sentence.partition("and as ")[2].removesuffix(" in the last good build")
    assert len(shown) == 300
    assert shown.endswith("a…")


@pytest.mark.parametrize(
    "after",
    [SHAREGPT, {**SHAREGPT, "conversations": "conversations", "system": None}],
    ids=["same", "defaults"],
)
def test_the_same_format_passes_however_many_defaults_are_stated(after: dict[str, object]) -> None:
    """A setting that came with a later release, and is not used, changes nothing."""
    assert [result.level for result in found(read_by(after), read_by(SHAREGPT))] == ["pass"]


def test_a_format_that_a_person_stated_only_warns() -> None:
    """A person who edits the recipe knows of it; pinning what was recognised changes nothing."""
    pinned = read_by({"type": "messages"}, stated="messages")
    kept = read_by(SHAREGPT, stated=SHAREGPT)

    assert [result.level for result in found(pinned, read_by(SHAREGPT))] == ["warn"]
    assert [result.level for result in found(kept, read_by(SHAREGPT))] == ["pass"]


def test_the_gate_can_be_made_milder_or_be_switched_off() -> None:
    """Like every other gate."""
    both = read_by({"type": "messages"}), read_by(SHAREGPT)

    assert [result.level for result in found(*both, action="warn")] == ["warn"]
    assert found(*both, action="off") == []


def test_a_version_that_does_not_say_how_it_was_read_is_not_compared() -> None:
    """Nor is a source that was not there."""
    assert found(read_by(SHAREGPT), read_by({})) == []
    assert found(read_by(SHAREGPT), facts()) == []
