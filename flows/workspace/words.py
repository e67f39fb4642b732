"""What the pages say, in each language: a catalogue of files, one a page, and a key a sentence."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
"""What each language calls itself."""


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return all sentences of a language by their keys."""
    found: dict[str, str] = {}
    folder = files("thinkmix.templates") / "workspace" / "words" / language
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        page = file.name.removesuffix(".yaml")
        stated = yaml.safe_load(file.read_text("utf-8"))
        found |= {f"{page}.{name}": str(sentence) for name, sentence in stated.items()}
    return found


class Words:
    """The catalogue of one language, as templates call it: `t("home.title", mixtures=3)`."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._sentences = catalogue(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence with values in its places.

        Raises:
            KeyError: for a key that the catalogue lacks; a test looks for all of them.
        """
        return self._sentences[key].format(**values) if values else self._sentences[key]

    def count(self, key: str, number: int, **values: object) -> str:
        """Return a sentence for a number: `key` for many, `key_one` for one where the language has it."""
        one = f"{key}_one"
        chosen = one if number == 1 and one in self._sentences else key
        return self._sentences[chosen].format(n=f"{number:,}", **values)


def preferred(accepts: str) -> str:
    """Return the language that an `Accept-Language` header prefers, of those that we have."""
    ranked = []
    for place, part in enumerate(accepts.split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), place, name[:2].lower()))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(ranked) if name in LANGUAGES), "en")
