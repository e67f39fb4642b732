"""Questions about rows: their outcome and why, and what a build would make of a recipe's first ones."""
