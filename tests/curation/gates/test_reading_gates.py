"""Gates on how rows were read name fields that look like something to train on, and wrong lessons."""

from tests.curation.gates.test_gates import facts, found
from thinkmix.schemas.report import SourceFindings, Unread


def results(gate: str, findings: SourceFindings, **settings: object) -> list[tuple[str, str]]:
    report = facts().model_copy(update={"findings": (findings,)})
    return [(result.level, result.sentence) for result in found(gate, report, **settings)]


def unread(path: str, like: str | None, setting: str | None = None) -> Unread:
    return Unread(path=path, count=812, example='"x"', looks_like=like, setting=setting)


def test_an_unread_field_that_looks_like_reasoning_is_a_warning() -> None:
    """With its count, and the setting that reads it."""
    field = unread("conversations[].cot", "reasoning", "format: {type: sharegpt, reasoning: cot}")
    findings = SourceFindings(source="chat", found={}, unread=(field, unread("colour", None)))
    (found,) = results("unread_fields", findings)
    assert found == (
        "warn",
        "chat: 'cot' in 812 turns was not read and looks like reasoning: "
        "format: {type: sharegpt, reasoning: cot}",
    )
    assert results("unread_fields", findings, rows=812)[0][0] == "pass"
    assert results("unread_fields", findings, action="off") == []


def test_a_field_that_no_setting_reads_says_so() -> None:
    """It is a warning all the same."""
    findings = SourceFindings(source="chat", found={}, unread=(unread("images", "image"),))
    assert results("unread_fields", findings) == [
        (
            "warn",
            "chat: 'images' in 812 rows was not read and looks like an image; "
            "no setting of the format reads it",
        )
    ]


def test_rows_in_another_encoding_are_a_warning() -> None:
    """With the encoding that they seem to have, and the setting that reads them."""
    findings = SourceFindings(source="chat", found={}, unread=(), encodings={"gb18030": 12, "unknown": 1})
    assert results("encoding", findings) == [
        (
            "warn",
            "chat: 12 rows could not be read whole for bytes that are not UTF-8 and seem to be gb18030: "
            "say `encoding: gb18030` if the files are, or write them in UTF-8",
        ),
        (
            "warn",
            "chat: 1 row could not be read whole for bytes that are not UTF-8: "
            "state the `encoding` of the files in the source, or write them in UTF-8",
        ),
    ]
    calm = SourceFindings(source="chat", found={}, unread=())
    assert results("encoding", calm) == [("pass", "chat: no row has bytes that are not UTF-8")]


def test_what_teaches_something_wrong_is_a_warning() -> None:
    """What was only changed or counted is not."""
    findings = SourceFindings(source="chat", found={"crlf": 3, "switch_ignored": 2}, unread=())
    assert results("findings", findings) == [
        ("warn", "chat: 2 answers that do the opposite of the /think or /no_think before them")
    ]
    calm = SourceFindings(source="chat", found={"crlf": 3}, unread=())
    assert results("findings", calm)[0][0] == "pass"
