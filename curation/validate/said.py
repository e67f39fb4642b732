"""What the turns of a row say, as decontamination scans it."""

from collections.abc import Iterable

from thinkmix.curation.tables import TURN_END
from thinkmix.schemas.conversation import Message


def said_text(messages: Iterable[Message]) -> str:
    """Return what all turns say, without traces."""
    return TURN_END.join(message.content for message in messages)
