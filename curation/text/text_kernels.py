"""The loops over UTF-8 buffers that tell ordinary turns from those that need a closer look.

They are in one file because numba's cache notices changes only to the file that it compiled.
"""

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.text.compiled import compiled

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]
Flags = NDArray[np.bool_]

PLAIN, TURN, ANSWER = 0, 1, 2
"""What is asked of a text: to be clean; to say something, too; and to hold a trace in its place, if any."""

_NONE, _DOUBT, _ANGLE, _HIGH = (np.uint8(kind) for kind in (0, 1, 2, 0x80))
_BLOCK = 128
"""Bytes that are looked at together; those that hold something of interest are looked at one by one."""
_TABULATOR, _NEWLINE, _SPACE, _SLASH, _LESS, _BAR, _DELETE = (np.uint8(ord(mark)) for mark in "\t\n /<|\x7f")
_SYSTEM, _USER, _ASSISTANT = 0, 1, 2  # places in thinkmix.schemas.conversation.ROLES
_WIDE_SPACES = (0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_FILLERS = (0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5)
_BLANKS = (0x2800, 0x3164, 0xFEFF, 0xFFA0)

_OPEN, _CLOSE, _TOOL, _TOOL_END, _TOOLS = (
    np.frombuffer(tag, np.uint8) for tag in (b"<think>", b"</think>", b"<tool_", b"</tool_", b"<tools>")
)
_THINK, _NO_THINK = (np.frombuffer(word, np.uint8) for word in (b"/think", b"/no_think"))


@compiled
def _decode(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the character that starts at `at`, with a byte of 0x80 or more, and its bytes.

    The character is -1 if it is not UTF-8 (RFC 3629: no surrogates, nothing longer than need be).
    """
    lead = np.int64(data[at])
    if lead < 0xC2 or lead > 0xF4:
        return -1, 1
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if at + size > end:
        return -1, 1
    code = lead & (0x7F >> size)
    for i in range(at + 1, at + size):
        if data[i] & 0xC0 != 0x80:
            return -1, 1
        code = (code << 6) | (np.int64(data[i]) & 0x3F)
    least = 0x80 if size == 2 else 0x800 if size == 3 else 0x10000
    if code < least or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return -1, 1
    return int(code), size


@compiled
def _after_space(data: Bytes, at: int, end: int) -> int:
    """Return where the white space that starts at `at` ends, as `str.strip` understands white space."""
    while at < end:
        byte = data[at]
        if byte < 0x80:
            if not (byte == 0x20 or 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x1F):
                return at
            at += 1
            continue
        code, size = _decode(data, at, end)
        if not (code in _WIDE_SPACES or 0x2000 <= code <= 0x200A):
            return at
        at += size
    return at


@compiled
def _is_unseen(data: Bytes, at: int, end: int) -> bool:
    """Return whether the character at `at` shows nothing, as `schemas.visible` understands it."""
    if data[at] < 0x80:
        return False
    code, _ = _decode(data, at, end)
    if code < 0x200B:
        return code in _FILLERS or 0x180B <= code <= 0x180F
    if code <= 0x206F:
        return code <= 0x200F or 0x202A <= code <= 0x202E or code >= 0x2060
    if code <= 0xFFFF:
        return code in _BLANKS or 0xFE00 <= code <= 0xFE0F
    return 0x1D173 <= code <= 0x1D17A or 0xE0000 <= code <= 0xE0FFF


@compiled
def _may_be_empty(data: Bytes, first: int, end: int) -> bool:
    """Return whether nothing in a text may be seen; `first` is where its white space ends."""
    return first == end or _is_unseen(data, first, end)


@compiled
def _says(data: Bytes, at: int, end: int, words: Bytes) -> bool:
    """Return whether the text goes on with `words`."""
    if at + len(words) > end:
        return False
    for i in range(len(words)):  # noqa: SIM110 - numba compiles no generators
        if data[at + i] != words[i]:
            return False
    return True


@compiled
def _kinds(data: Bytes, start: int, end: int) -> np.uint8:
    """Return what is among the bytes: unwanted controls, angle brackets, bytes beyond ASCII.

    A carriage return is wanted, but whether it belongs to a line break is for others to see.

    Maxima and constants of one byte make this the loop that the vector units run.
    """
    high, angle, control = _NONE, _NONE, _NONE
    for byte in data[start:end]:
        high = max(high, byte)
        angle = max(angle, _ANGLE if byte == _LESS else _NONE)
        # a set would be ten times as slow
        unwanted = byte < _SPACE and byte != _TABULATOR and byte != _NEWLINE  # noqa: PLR1714
        control = max(control, _DOUBT if unwanted or byte == _DELETE else _NONE)
    return (high & _HIGH) | angle | control


@compiled
def _is_unwanted(code: int) -> bool:
    """Return whether a character beyond ASCII is unwanted: not UTF-8, a noncharacter, a bidi override."""
    if code < 0x202A:
        return code < 0
    return code <= 0x202E or 0x2066 <= code <= 0x2069 or 0xFDD0 <= code <= 0xFDEF or 0xFFFE <= code <= 0xFFFF


@compiled
def _may_change(code: int, unstable: Flags) -> bool:
    """Return whether normalising to NFC might change a character, or its neighbour because of it."""
    if code < 0x10000:
        return bool(unstable[code])
    # mathematical letters, emoji and Han are stable; the rest is rare enough to normalise
    return not (0x1D400 <= code <= 0x1D7FF or 0x1F000 <= code < 0x2F800)


@compiled
def _scan(data: Bytes, at: int, end: int, unstable: Flags) -> tuple[bool, bool, int, int, int]:
    """Read one text.

    Returns:
        Whether it is in doubt, whether NFC may change it, how many think tags it has (one for each
        opening, 1000 for each closing), and where the last opening and the last closing one stand.
    """
    changes, tags, opened, closed = False, 0, -1, -1
    while at < end:
        stop = min(at + _BLOCK, end)
        kinds = _kinds(data, at, stop)
        if kinds & _DOUBT:
            return True, changes, tags, opened, closed
        if not kinds:
            at = stop
            continue
        while at < stop:
            byte = data[at]
            if byte >= 0x80:
                code, size = _decode(data, at, end)
                if _is_unwanted(code):
                    return True, changes, tags, opened, closed
                changes = changes or _may_change(code, unstable)
                at += size
                continue
            if byte == _LESS and at + 1 < end:
                if (
                    data[at + 1] == _BAR
                    or _says(data, at, end, _TOOL)
                    or _says(data, at, end, _TOOL_END)
                    or _says(data, at, end, _TOOLS)
                ):
                    return True, changes, tags, opened, closed
                if _says(data, at, end, _OPEN):
                    tags, opened = tags + 1, at
                elif _says(data, at, end, _CLOSE):
                    tags, closed = tags + 1000, at
            at += 1
    return False, changes, tags, opened, closed


@compiled
def _after_breaks(data: Bytes, at: int, end: int) -> int:
    while at < end and data[at] == _NEWLINE:
        at += 1
    return at


@compiled
def _holds_slash(data: Bytes, start: int, end: int) -> bool:
    """Return whether a slash is among the bytes; a maximum, so that the vector units run it."""
    found = _NONE
    for byte in data[start:end]:
        found = max(found, _ANGLE if byte == _SLASH else _NONE)
    return bool(found != _NONE)


@compiled
def _speaks_of_switch(data: Bytes, at: int, end: int) -> bool:
    """Return whether the text says `/think` or `/no_think`, Qwen3's switches, perhaps within a word."""
    while at < end:
        stop = min(at + _BLOCK, end)
        if _holds_slash(data, at, stop):
            for i in range(at, stop):
                if data[i] == _SLASH and (_says(data, i, end, _THINK) or _says(data, i, end, _NO_THINK)):
                    return True
        at = stop
    return False


@compiled
def _before_last_lines(data: Bytes, start: int, end: int) -> int:
    """Return where a text ends without the blank lines at its end; -1 if that takes a closer look."""
    at, last = end, end
    while at > start and (
        data[at - 1] == 0x20 or 0x09 <= data[at - 1] <= 0x0D or 0x1C <= data[at - 1] <= 0x1F
    ):
        at -= 1
        if data[at] == _NEWLINE:
            last = at
    if at > start and data[at - 1] >= 0x80:
        lead = at - 1
        while lead > start and data[lead] & 0xC0 == 0x80:
            lead -= 1
        if _after_space(data, lead, at) == at:  # a wide space, before which further lines may end
            return -1
    return last


@compiled
def _holds_break(data: Bytes, start: int, end: int) -> bool:
    """Return whether a line break is among the bytes."""
    for i in range(start, end):  # noqa: SIM110 - numba compiles no generators
        if data[i] == _NEWLINE:
            return True
    return False


@compiled
def find_blank(data: Bytes, offsets: Offsets, blank: Flags) -> None:
    """Find the texts that are nothing but white space, or empty.

    Args:
        data: UTF-8.
        offsets: n + 1 places between which the texts stand.
        blank: takes which of them are blank.
    """
    for i in range(len(blank)):
        blank[i] = _after_space(data, offsets[i], offsets[i + 1]) == offsets[i + 1]


@compiled
def _take_apart(
    data: Bytes, start: int, end: int, tags: int, opened: int, closed: int, span: Offsets
) -> bool:
    """Write where answer and trace of an assistant's text begin and end; return whether it is in doubt.

    Only a text without tags and one with a single trace before everything else are not in doubt.
    """
    last = _before_last_lines(data, start, end)
    if tags == 0:
        first = _after_space(data, start, end)
        if (
            last < 0 or _may_be_empty(data, first, end) or data[first] == _LESS
        ):  # it may be another model's tag
            return True
        span[0], span[1] = _after_breaks(data, start, end), last
        return _holds_break(data, span[0], first)  # some formats take blank lines with spaces in them away
    if (
        last < 0 or tags != 1001 or _after_space(data, start, opened) != opened
    ):  # so the trace opens before it closes
        return True
    trace, answer = opened + len(_OPEN), closed + len(_CLOSE)
    first = _after_space(data, answer, end)
    if _may_be_empty(data, first, end):
        return True
    span[0], span[1] = _after_breaks(data, answer, end), last
    if _holds_break(data, span[0], first):
        return True
    if _after_space(data, trace, closed) != closed:
        span[2], span[3] = _after_breaks(data, trace, closed), closed
        while data[span[3] - 1] == _NEWLINE:
            span[3] -= 1
    return False


@compiled
def read_texts(
    data: Bytes,
    offsets: Offsets,
    asked: Bytes,
    unstable: Flags,
    spans: Offsets,
    doubts: Flags,
    changes: Flags,
) -> None:
    """Find the texts that are surely clean, and their parts.

    Args:
        data: UTF-8, or what claims to be.
        offsets: n + 1 places between which the texts stand.
        asked: what is asked of each text: `PLAIN`, `TURN` or `ANSWER`.
        unstable: per character of the Basic Multilingual Plane, whether NFC might change it.
        spans: shape (n, 4), takes where content begins and ends, and where the trace does.
        doubts: takes whether a text may be unclean, or not what is asked of it.
        changes: takes whether NFC might change a text.
    """
    for i in range(len(asked)):
        start, end = offsets[i], offsets[i + 1]
        spans[i, 0], spans[i, 1], spans[i, 2], spans[i, 3] = start, end, start, start
        doubt, changes[i], tags, opened, closed = _scan(data, start, end, unstable)
        if not doubt:
            if asked[i] == ANSWER:
                doubt = _take_apart(data, start, end, tags, opened, closed, spans[i])
            else:
                doubt = tags != 0 or (
                    asked[i] == TURN
                    and (
                        _may_be_empty(data, _after_space(data, start, end), end)
                        or _speaks_of_switch(data, start, end)
                    )
                )
        doubts[i] = doubt


@compiled
def check_rows(
    roles: Bytes, traces: Offsets, first: Offsets, thinking: int, doubts: Flags, refused: Flags
) -> None:
    """Look at the turns of each row together.

    Args:
        roles: role of each turn.
        traces: bytes of each turn's trace.
        first: n + 1 places between which the turns of the rows stand.
        thinking: 1 if the last turn must hold a trace, -1 if none may, 0 if it is all the same.
        doubts: set for rows whose turns do not follow each other as in a chat.
        refused: set for rows that do not think as they should.
    """
    for row in range(len(doubts)):
        start, end = first[row], first[row + 1]
        if start < end and roles[start] == _SYSTEM:
            start += 1
        if start == end or (end - start) % 2:
            doubts[row] = True
            continue
        thinks = False
        for i in range(start, end):
            if roles[i] != (_USER if (i - start) % 2 == 0 else _ASSISTANT):
                doubts[row] = True
            thinks = thinks or traces[i] > 0
        refused[row] = thinks if thinking < 0 else thinking > 0 and not traces[end - 1]


@compiled
def write_heads(roles: Bytes, contents: Offsets, traces: Offsets, first: Offsets, out: Offsets) -> None:
    """Write the integers that a content key begins with, row after row; see `content_key`."""
    at = 0
    for row in range(len(first) - 1):
        out[at] = first[row + 1] - first[row]
        at += 1
        for i in range(first[row], first[row + 1]):
            out[at], out[at + 1], out[at + 2], out[at + 3] = roles[i], contents[i], traces[i], 0
            at += 4
        out[at] = 0
        at += 1


@compiled
def copy_parts(data: Bytes, starts: Offsets, ends: Offsets, places: Offsets, out: Bytes) -> None:
    """Copy parts of `data` to their places in `out`."""
    for i in range(len(starts)):
        at, size = places[i], ends[i] - starts[i]
        out[at : at + size] = data[starts[i] : ends[i]]
