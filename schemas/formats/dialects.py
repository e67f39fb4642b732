"""Dialects of rendered text: how whole chats are written into one text, and how they are taken apart again.

Texts are untrusted: each dialect is read in time linear in the length, by plain searches for its marks.
White space around a turn is the rendering's.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from thinkmix.schemas.formats.roles import role_of
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

Said = tuple[str, str]
"""Role and text of a turn."""

_START, _END = "<|im_start|>", "<|im_end|>"
_INST, _INST_END = "[INST]", "[/INST]"
_SYS, _SYS_END = "<<SYS>>", "<</SYS>>"
_BEGIN, _STOP = "<s>", "</s>"
_HEADING = "###"
_SPEAKERS = {"Human:": "user", "Assistant:": "assistant", "System:": "system"}
_TAGS = {"<usr>": "user", "<bot>": "assistant", "<sys>": "system"}


class Dialect(NamedTuple):
    """One way to write a chat as text."""

    looks: str
    """How it looks, in a line."""
    marks: tuple[str, ...]
    """Marks that each chat has: one with an answer has all of them."""
    read: Callable[[str], list[Said]]


def _refused(why: str) -> Exception:
    return fault(Reason.WRONG_TYPE, f"the text is not of this dialect: {why}")


def _read_human(text: str) -> list[Said]:
    """Read `### Human: …### Assistant: …`; headings in a text that begin with `###` stay."""
    before, *pieces = text.split(_HEADING)
    found: list[tuple[str, list[str]]] = []
    for piece in pieces:
        start = piece.lstrip(" \t")
        speaker = next((name for name in _SPEAKERS if start.startswith(name)), None)
        if speaker is not None:
            found.append((_SPEAKERS[speaker], [start.removeprefix(speaker)]))
        elif found:
            found[-1][1].append(piece)
        else:
            break
    if not found or before.strip():
        raise _refused("it does not begin with '### Human:'")
    return [(role, _HEADING.join(parts).strip()) for role, parts in found]


def _read_chatml(text: str) -> list[Said]:
    """Read `<|im_start|>role`, a line break, the text, and `<|im_end|>`."""
    before, *pieces = text.split(_START)
    if not pieces or before.strip():
        raise _refused(f"it does not begin with {_START}")
    found = []
    for index, piece in enumerate(pieces):
        inside, closed, after = piece.partition(_END)
        name, broken, said = inside.partition("\n")
        to_write = not said.strip() and index == len(pieces) - 1  # the answer that was to be written next
        if (not closed and not to_write) or after.strip():
            raise _refused(f"turn {index} is cut off" if not closed else f"text stands after turn {index}")
        role = role_of(name, {})
        if (closed and not broken) or role is None:
            raise fault(Reason.ROLE_UNKNOWN, f"turn {index} is spoken by {name[:40]!r}")
        found.append((role, said.strip()))
    return found


def _read_llama2(text: str) -> list[Said]:
    """Read `<s>[INST] <<SYS>>…<</SYS>> … [/INST] … </s>`, turn after turn."""
    before, *pieces = text.split(_INST)
    if not pieces or before.strip() not in ("", _BEGIN):
        raise _refused(f"it does not begin with {_INST}")
    found: list[Said] = []
    for index, piece in enumerate(pieces):
        asked, closed, answer = piece.partition(_INST_END)
        if not closed or _INST_END in answer:
            raise _refused(f"{_INST} number {index} is not followed by one {_INST_END}")
        if asked.lstrip().startswith(_SYS):
            system, ended, asked = asked.lstrip().removeprefix(_SYS).partition(_SYS_END)
            if not ended:
                raise _refused(f"{_SYS} is not followed by {_SYS_END}")
            found.append(("system", system.strip()))
        found.append(("user", asked.strip()))
        answer = answer.rstrip().removesuffix(_BEGIN).rstrip().removesuffix(_STOP)
        found.append(("assistant", answer.strip()))
    return found


def _read_usr(text: str) -> list[Said]:
    """Read lines that begin with `<usr>`, `<bot>` and `<sys>`; `<sys>` after a question is its material."""
    found: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        start = line.lstrip(" \t")
        tag = next((name for name in _TAGS if start.startswith(name)), None)
        if tag == "<sys>" and found and found[-1][0] == "user":
            found[-1][1].append(start.removeprefix(tag).strip())
        elif tag is not None:
            found.append((_TAGS[tag], [start.removeprefix(tag)]))
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            raise _refused("it does not begin with <usr>, <bot> or <sys>")
    if not found:
        raise _refused("it does not begin with <usr>, <bot> or <sys>")
    turns = [(role, "\n".join(lines).strip()) for role, lines in found]
    return [(role, said) for role, said in turns if said or role != "system"]


DIALECTS: Mapping[str, Dialect] = {
    "human": Dialect("`### Human: …### Assistant: …`", ("### Human:", "### Assistant:"), _read_human),
    "chatml": Dialect(
        "`<|im_start|>user … <|im_end|>`", (f"{_START}user", f"{_START}assistant"), _read_chatml
    ),
    "llama2": Dialect("`<s>[INST] <<SYS>>…<</SYS>> … [/INST] … </s>`", (_INST, _INST_END), _read_llama2),
    "usr": Dialect("`<usr> …`, `<bot> …`, `<sys> …`, a line each", ("<usr>", "<bot>"), _read_usr),
}
"""The dialects by name."""
