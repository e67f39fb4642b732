"""The nouns: what a conversation, a reason, a ledger and a manifest are; imports nothing of ours."""
