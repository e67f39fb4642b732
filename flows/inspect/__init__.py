"""Questions about rows: what became of them and why, and what a build would make of a recipe's first ones."""
