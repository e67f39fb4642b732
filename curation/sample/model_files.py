"""The files of a model that decide what text an example becomes, as one argument of the work."""

from typing import NamedTuple

from thinkmix.schemas.template import Template
from thinkmix.templates.chat.render import template_digest
from thinkmix.templates.chat.tokenizer import tokenizer_digest


class ModelFiles(NamedTuple):
    """Chat template and tokenizer of a model; the digests say what a name alone would not."""

    template: Template
    template_sha256: str
    tokenizer_sha256: str

    @classmethod
    def installed(cls, template: Template) -> "ModelFiles":
        """Return the files that are installed.

        Raises:
            SourceError: if the tokenizer is not installed, or is not the official one.
        """
        return cls(template, template_digest(template), tokenizer_digest())
