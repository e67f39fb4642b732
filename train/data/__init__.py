"""The rows of a published version as token ids: opened, ordered, packed, cached."""
