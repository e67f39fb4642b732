"""Quantising: the rows that represent a mixture, what each format costs on them, and the plan."""
