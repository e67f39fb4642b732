"""Recipes that are shipped, and the sample that they are tried on."""
