"""The report of a build: one page that says whether it may be trained on, and why."""
