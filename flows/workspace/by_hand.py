"""A recipe over rows in no known layout: two columns of text as question and answer, to be chosen."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import first_rows, slices
from thinkmix.schemas.formats.recognition import best, refusal
from thinkmix.schemas.formats.sample import columns_of
from thinkmix.schemas.patterns import as_name

_ROWS = 100
_LARGEST = 1_000_000


def by_hand(name: str, files: Sequence[Path]) -> str | None:
    """Return a recipe in which a person chooses the columns; None if that does not help for one of the files.

    Where a layout is known, it is recognised as ever. It does not help where rows have fewer than two columns
    of text, or are of a kind that no mixture can hold (preferences, media).

    Args:
        name: of the mixture.
        files: what was chosen.

    Raises:
        SourceError: if one of them cannot be read.
    """
    sources: list[dict[str, object]] = []
    for number, path in enumerate(files, 1):
        piece = slices(path.name, Blob(path, ""))[0]
        rows = [row.values for row in first_rows(piece, _ROWS, max_row_bytes=_LARGEST) if row.fault is None]
        if not rows or refusal(rows):
            return None
        format: object = "auto"
        if not best(rows):
            texts = [column for column in columns_of(rows) if isinstance(rows[0].get(column), str)]
            if len(texts) < 2:
                return None
            format = {"type": "qa", "question": texts[0], "answer": texts[1]}
        title = as_name(path.name.partition(".")[0]) or "rows"
        called = title if title not in {source["name"] for source in sources} else f"{title[:60]}-{number}"
        sources.append({"name": called, "kind": "local", "files": [str(path)], "format": format})
    stated = {
        "name": name,
        "template": "qwen3",
        "sources": sources,
        "mix": {"shares": {str(source["name"]): 1 for source in sources}},
    }
    return str(yaml.safe_dump(stated, sort_keys=False, allow_unicode=True, width=110))
