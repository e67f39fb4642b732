"""Templates: those of chats, one for each model family, and those of the pages that people read."""
