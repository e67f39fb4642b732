"""Texts with gaps: the chat templates of model families, and the pages that people read."""
