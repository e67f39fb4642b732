"""Recipes and training plans as people write them: read, checked, explained, and those that are shipped."""
