"""The audit for people: one page that says whether last night's build may be trained on, and why."""
