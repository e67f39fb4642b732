"""Pages and charts out of templates: everything is escaped, nothing is fetched, and no script runs."""

from contextlib import suppress
from functools import lru_cache

from jinja2 import BytecodeCache, Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket

from thinkmix.flows.pages import meaning
from thinkmix.flows.pages.formatting import grouped
from thinkmix.flows.pages.verdict import duration, moment
from thinkmix.schemas.formats.recognition import format_statement
from thinkmix.schemas.licences import caution
from thinkmix.schemas.plain import plain

COLOURS = 6
"""The page's style has this many colours for sources; the seventh source has the colour of the first."""


def render(template: str, **facts: object) -> str:
    """Return a page as HTML that needs no network and runs no script.

    Args:
        template: its name.
        facts: what it tells.
    """
    return _environment().get_template(template).render(**facts)


class _Compiled(FileSystemBytecodeCache):
    """Compiled templates of this user; a disk that is full or cannot be written costs the compilation."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read a template, if it can be read."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a template, if it can be written."""
        with suppress(OSError):
            super().dump_bytecode(bucket)


def _compiled() -> BytecodeCache | None:
    """Return where compiled templates are kept: Jinja's own folder, which no other user may write to.

    Not in the store: it is shared, and what is read here is code. A template that changed is compiled again.
    """
    try:
        return _Compiled()
    except (OSError, RuntimeError):  # no temporary folder that is this user's alone
        return None


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Return what renders pages: everything escaped, with the words that their templates use."""
    made = Environment(
        loader=PackageLoader("thinkmix.templates", "pages"),
        bytecode_cache=_compiled(),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "grouped": grouped,
        "moment": moment,
        "duration": duration,
        "sentence": meaning.sentence,
        "finding": meaning.finding_meaning,
        "context": meaning.context,
        "layout": format_statement,
        "caution": caution,
        "clip": plain,
        "colour": lambda place: place % COLOURS,
    }
    return made
