"""Answers to problems: found at the end of a text, normalised and compared; nothing of rows."""
