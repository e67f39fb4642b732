"""Plain JSON as one line of YAML, as a person would write it into a recipe."""

import json
from collections.abc import Mapping

_WORDS_OF_YAML = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


def yaml_line(value: object) -> str:
    """Return plain JSON as YAML on one line; words stand without quotes, odd characters are escaped."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{yaml_line(key)}: {yaml_line(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_line, value))}]"
    if isinstance(value, str) and _is_word(value):
        return value
    return json.dumps(value, ensure_ascii=not (isinstance(value, str) and value.isprintable()))


def _is_word(text: str) -> bool:
    plain = text.replace("_", "a").replace(".", "a")
    return plain.isalnum() and plain.isascii() and text[0].isalpha() and text.casefold() not in _WORDS_OF_YAML
