"""A build, stage by stage: from a recipe and its sources to a published version."""
