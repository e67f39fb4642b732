"""Quantising: the rows that stand for a mixture, what each format costs on them, and the plan."""
