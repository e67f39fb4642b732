"""OpenAssistant trees: a prompt, and under each message the replies to it, ranked by people."""

from collections.abc import Mapping, Sequence
from math import inf, isnan
from typing import Any, ClassVar, Literal

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.chat import Chat
from thinkmix.schemas.formats.contract import Column, Draft, Format, Row
from thinkmix.schemas.formats.fields import as_object, as_text, type_name
from thinkmix.schemas.formats.roles import nearest_role, role_of
from thinkmix.schemas.formats.sample import columns_of, is_said, most
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

_REPLIES = "replies"
_MESSAGE_COLUMNS = frozenset(("message_id", "parent_id", "message_tree_id", "role", "text"))
_COLUMNS = frozenset(("message_tree_id", "tree_state"))
_ABOUT = """
    created_date deleted detoxify emojis events labels lang message_id message_tree_id model_name parent_id
    rank review_count review_result synthetic tree_state user_id
"""
_KNOWN = frozenset(("role", "text", _REPLIES, *_ABOUT.split()))
"""Keys of a message that are read, or that say who wrote it and what people thought of it."""


class OpenAssistant(Format):
    """A tree of messages a row, the `*.trees.jsonl.gz` of OpenAssistant: the path of the best ranked replies.

    Deleted messages, and those that failed their review, are passed over. The files of messages, one a row,
    cannot be read: a conversation is spread over many of their rows.
    """

    sets: ClassVar[tuple[str, ...]] = ("OpenAssistant/oasst2",)
    remarks: ClassVar[Mapping[str, str]] = {"OpenAssistant/oasst2": "`*.trees.jsonl.gz`"}

    type: Literal["oasst"] = "oasst"
    """Name of the format."""
    prompt: Column = "prompt"
    """Column of the message that a tree begins with."""

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> "OpenAssistant | None":
        """Return the format if most rows hold a message with replies."""
        plain = cls()

        def fits(row: Row) -> bool:
            root = row.get(plain.prompt)
            return isinstance(root, Mapping) and _REPLIES in root and is_said(root.get("text"))

        return plain if most([fits(row) for row in rows]) else None

    def turns(self, row: Row) -> int:
        """Return how many turns the best path has."""
        return len(_best_path(row.get(self.prompt)))

    def columns(self) -> frozenset[str]:
        """Return the column of the tree, and those that say which tree it is."""
        return _COLUMNS | {self.prompt}

    def read(self, row: Row, notes: Notes, *, unopened: bool = False) -> Draft:
        """Return the messages of the best path; further answers to the same messages are counted."""
        path = _best_path(as_object(row.get(self.prompt), self.prompt))
        if not path:
            raise fault(Reason.EMPTY_TURN, "the prompt is deleted, failed its review, or says nothing")
        chat = Chat(notes, unopened=unopened)
        for depth, message in enumerate(path):
            _add(chat, message, depth)
            for key, value in message.items():
                if key not in _KNOWN:
                    notes.leave(f"{self.prompt}[].{key}", value)
            others = _replies(message)[1:]
            notes.count(Finding.ALTERNATIVE, sum(_role(reply) == "assistant" for reply in others))
        return chat.draft()


def are_messages(rows: Sequence[Row]) -> bool:
    """Return whether rows are single messages of trees."""
    return _MESSAGE_COLUMNS.issubset(columns_of(rows))


def _add(chat: Chat, message: Row, depth: int) -> None:
    text, role = as_text(message.get("text"), "text", chat.notes), _role(message)
    if role == "user":
        chat.user(text)
    elif role == "assistant":
        chat.assistant(text)
    else:
        name = message.get("role")
        shown = f"{name[:40]!r}{nearest_role(name)}" if isinstance(name, str) else type_name(name)
        raise fault(Reason.ROLE_UNKNOWN, f"message {depth} of the path is spoken by {shown}")


def _role(message: Row) -> str | None:
    name = message.get("role")
    return role_of(name, {}) if isinstance(name, str) else None


def _best_path(root: object) -> list[Row]:
    """Return the messages from the prompt down, at each of them the best ranked reply."""
    path: list[Row] = []
    following = [root] if isinstance(root, Mapping) and _is_usable(root) else []
    while following:
        path.append(following[0])
        following = _replies(following[0])
    return path


def _replies(message: Row) -> list[Row]:
    """Return the replies to a message that can be used, the best ranked first, then those without a rank."""
    listed = message.get(_REPLIES)
    usable = (
        [item for item in listed if isinstance(item, Mapping) and _is_usable(item)]
        if isinstance(listed, list | tuple)
        else []
    )
    return sorted(usable, key=_rank)


def _rank(message: Mapping[str, Any]) -> float:
    rank = message.get("rank")
    if isinstance(rank, bool) or not isinstance(rank, int | float) or isnan(rank):
        return inf
    return float(rank)


def _is_usable(message: Row) -> bool:
    kept = message.get("deleted") is not True and message.get("review_result") is not False
    return kept and is_said(message.get("text"))
