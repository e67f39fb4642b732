"""The files of a model that decide what text an example becomes, as one argument of the work."""

from typing import NamedTuple

from thinkmix.schemas.errors import TemplateError
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.tokenizer import tokenizer_digest


class ModelFiles(NamedTuple):
    """Chat template and tokenizer of a model family; the digests say what a name alone would not."""

    family: Family
    template_sha256: str
    tokenizer_sha256: str

    @classmethod
    def installed(cls, family: Family) -> "ModelFiles":
        """Return the files that are installed.

        Raises:
            SourceError: if the tokenizer is not installed, or is not the official one.
            TemplateError: if the family's models read another tokenizer, so that counts would be wrong.
        """
        if (tokenizer := tokenizer_digest()) != family.tokenizer_sha256:
            msg = (
                f"template {family.name}: its models read the tokenizer.json with sha256 "
                f"{family.tokenizer_sha256}, and tokens are counted by {tokenizer}: name another template"
            )
            raise TemplateError(msg)
        return cls(family, family.digest(), tokenizer)
