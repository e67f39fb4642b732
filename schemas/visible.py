"""Whether a text shows anything: white space, joiners, fillers and variation selectors do not."""

import re

_UNSEEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What Unicode calls default-ignorable, and the blank of Braille; the kernels know the same characters."""
_SEEN = re.compile(rf"[^\s{_UNSEEN}]")


def is_visible(text: str) -> bool:
    """Return whether a text has a character that a reader sees."""
    return _SEEN.search(text) is not None
