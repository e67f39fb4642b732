"""The nouns: what a conversation, a recipe, a reason and a ledger are; imports nothing of ours."""
