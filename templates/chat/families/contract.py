"""What a model family is: all that differs from one chat template to another, as data."""

from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Literal, TypeAlias

from thinkmix.templates.chat.control_tokens import ASSISTANT, EMPTY_TRACE, THINK

Thinks: TypeAlias = Literal["hybrid", "never", "always"]
"""When a model of a family writes a trace: when it is asked to, or in one mode only."""


@dataclass(frozen=True)
class Family:
    """A chat template, and what must be known of it to train and to serve with it.

    To add one, state it in a file of this folder, beside its template, and add it to `known.py`.

    It is data, without code of its own: it goes to workers, and into the names of their outputs, by value, so
    that no output depends on the file of another family. What people read of it is the docstring of its file.

    Raises:
        ValueError: if two of its facts contradict each other.
    """

    module: str
    """`__name__` of its file, beside which its template lies."""
    name: str
    """What a recipe says after `template:`."""
    jinja: str
    """File of its chat template."""
    sha256: str
    """sha256 of the text of its template as it was checked against the official rendering."""
    tokenizer_sha256: str
    """sha256 of the tokenizer.json that its models ship."""
    thinks: Thinks
    opens_trace: bool = False
    """Whether a prompt opens the trace, so that a completion begins inside of it."""
    soft_switch: bool = False
    """Whether `/no_think` in a prompt asks for an answer with an empty trace."""

    thinking_opening: str = field(init=False)
    """What a prompt ends with before an answer with a trace: the assistant's turn, opened."""
    direct_opening: str = field(init=False)
    """What a prompt ends with before an answer without one: of a hybrid, an empty trace stands there."""

    def __post_init__(self) -> None:
        """Refuse what no template can print, and write down the openings, which every turn asks for."""
        if self.opens_trace and self.thinks == "never":
            msg = f"{self.name}: a template that never shows a trace cannot open one (opens_trace)"
            raise ValueError(msg)
        if self.soft_switch and (self.thinks != "hybrid" or self.opens_trace):
            msg = f"{self.name}: soft_switch needs a hybrid whose completions open the trace"
            raise ValueError(msg)
        thinking = ASSISTANT + THINK if self.opens_trace else ASSISTANT
        direct = ASSISTANT + EMPTY_TRACE if self.thinks == "hybrid" else thinking
        object.__setattr__(self, "thinking_opening", thinking)
        object.__setattr__(self, "direct_opening", direct)

    @property
    def about(self) -> str:
        """Return the sentence that says what it is: the first line of its file."""
        return (import_module(self.module).__doc__ or "").partition("\n")[0]

    @property
    def text(self) -> str:
        """Return the text of its chat template."""
        path = import_module(self.module).__file__
        assert path is not None, self.module
        return Path(path).with_name(self.jinja).read_text(encoding="utf-8")

    def digest(self) -> str:
        """Return the sha256 of its template's text, in hex: part of what a mixture is pinned to."""
        return sha256(self.text.encode()).hexdigest()

    def opening(self, *, thinking: bool) -> str:
        """Return what a prompt ends with."""
        return self.thinking_opening if thinking else self.direct_opening
