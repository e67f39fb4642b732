"""What the answer of a row can be beside the one that its source names."""

STATUSES = ("agree", "disagree", "unparseable", "none", "several", "no_reference")
"""The words for them; a row's status is a place in this list."""

AGREE, DISAGREE, UNPARSEABLE, NONE, SEVERAL, NO_REFERENCE = range(len(STATUSES))
