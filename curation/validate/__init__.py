"""Raw rows into conversations, or into quarantine with a reason."""
