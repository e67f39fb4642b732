"""Versions in the forms of other trainers, a file each: `contract` is what they share, `known` lists all."""
