"""The project's words: phrases that read like a translation stand in no code, message, document or page.

Three things are exempt: a quoted text that is nothing but such a phrase and so names it, as the list below
does; strings of `tools.generate`, which are the sample's own words, while its comments and docstrings are
prose; and Jinja's test `is none` inside a tag.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BANNED = (
    "anew",
    "aside",
    "whoever",
    "be that",
    "is no",
    "is none",
    "are none",
    "of which",
    "so many",
    "shall",
    "let be",
    "a word of",
    "a look at",
)

_SKIPPED = ("LICENSE", "requirements.lock", "data/samples")
"""Words of others, and rows."""

_BUILT = ("build", "dist")

_GAP = rb'(?:[\s"#]|\bf(?="))+'
"""Between two words: also a line break with the mark of a comment, or the quotes of a text that goes on."""

_THERE = re.compile(rb"\bthere" + _GAP + rb"$")
_LONGER = re.compile(_GAP + rb"longer\b")


def _pattern(phrase: str) -> re.Pattern[bytes]:
    first, *others = phrase.encode().split()  # a literal at the beginning makes the search fast
    return re.compile(_GAP.join((first + rb"(?<!\w" + first + rb")", *others)) + rb"\b")


_PATTERNS = {phrase: _pattern(phrase) for phrase in BANNED}


def hits(text: str, *, jinja: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the line and the phrase of every use, without the exempt ones."""
    written = text.encode()
    lowered = written.lower()
    for phrase, pattern in _PATTERNS.items():
        for found in pattern.finditer(lowered):
            start, end = found.span()
            before, after = lowered[max(0, start - 80) : start], lowered[end : end + 80]
            quoted = before[-1:] in {b'"', b"'", b"`"} and after[:1] == before[-1:]
            tag = jinja and phrase == "is none" and b"}" not in before.rpartition(b"{")[2] and b"{" in before
            python = written[:end].endswith(b"None")
            negated = phrase == "is no" and (_THERE.search(before) or _LONGER.match(after))
            if not (quoted or tag or python or negated):
                yield lowered.count(b"\n", 0, start) + 1, phrase


def prose_alone(code: str) -> str:
    """Return Python's comments and docstrings in their lines, and nothing of its other strings."""
    lines = [""] * (code.count("\n") + 1)
    begins = True
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and begins):
            for number, line in enumerate(token.string.split("\n"), token.start[0] - 1):
                lines[number] += line
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return "\n".join(lines)


def texts() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every file that people write, or read."""
    for top in sorted(ROOT.iterdir()):
        if top.name in _BUILT or (top.name.startswith(".") and top.name not in (".ci", ".gitignore")):
            continue
        for path in _files(top):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(_SKIPPED):
                with suppress(UnicodeDecodeError):  # a picture
                    text = path.read_text(encoding="utf-8")
                    yield name, prose_alone(text) if name.startswith("tools/generate/") else text


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.name == "__pycache__":  # `src` and `dev` link to the rooms
        return
    if path.is_file():
        yield path
    elif path.is_dir():
        for inner in sorted(path.iterdir()):
            yield from _files(inner)


def test_no_file_uses_a_banned_phrase():
    """Each use is listed by file, line and phrase."""
    uses = [
        f"{name}:{line}: {phrase}"
        for name, text in texts()
        for line, phrase in hits(text, jinja=name.endswith(".jinja"))
    ]

    assert uses == []


def test_the_files_of_every_room_are_read():
    """A search that misses a folder would find nothing in it."""
    read = {name for name, _ in texts()}

    assert {
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        ".ci/run",
        "benchmarks/__main__.py",
        "curation/tables.py",
        "data/recipes/math-7-3.yaml",
        "docs/formats.md",
        "docs/recipe.schema.json",
        "flows/build/stages.py",
        "schemas/errors.py",
        "src/thinkmix/__init__.py",
        "templates/pages/model_card.md.jinja",
        "tests/test_prose.py",
        "tools/generate/dirt.py",
        "train/run/loop.py",
    } <= read


@pytest.mark.parametrize("phrase", BANNED)
def test_every_phrase_is_found(phrase: str):
    """In any place of a line, across lines of a comment, and across the parts of a text."""
    first, *others = phrase.split()
    found = [(2, phrase)]

    assert list(hits(f"Here.\nIt stands {phrase} here.")) == found
    assert list(hits(f"Here.\n{phrase.capitalize()} it stands.")) == found
    if others:
        rest = " ".join(others)
        assert list(hits(f"#\n# it {first}\n#  {rest} here")) == found
        assert list(hits(f'(\n"it {first} "\n    f"{rest} here")')) == found


@pytest.mark.parametrize(
    "text",
    [
        "There is no row of this source.",
        "Where there\nis no row, it ends.",
        "It is no longer read; it is not a row; none is.",
        "if row is None or rows is not None:",
        "shallow besides sidestep",
        *(f'Not "{phrase}", not `{phrase}`.' for phrase in BANNED),
    ],
)
def test_plain_words_are_no_hits(text: str):
    """Neither what is said in good English, nor Python, nor a phrase that is named."""
    assert list(hits(text)) == []


def test_a_test_of_jinja_is_code():
    """Inside a tag only, and in templates only."""
    test = "is none"
    inside, beside = f"{{{{ a if a {test} else b }}}}", f"{{{{ a }}}} {test}"

    assert list(hits(inside, jinja=True)) == []
    assert list(hits(inside)) == list(hits(beside, jinja=True)) == [(1, test)]


def test_the_samples_words_are_not_prose():
    """Docstrings and comments of the generator are, wherever they stand."""
    one, two, three, four = BANNED[:4]
    code = f'"""{one}."""\n\nWORDS = (\n    "{two}",  # {three}\n    f"{four} {{1}}",\n)\n\n\n{one}\n'
    inner = f'def f():\n    """It, {two}."""\n'

    assert sorted(hits(prose_alone(code + inner))) == [(1, one), (4, three), (11, two)]
