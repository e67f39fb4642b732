"""Repairs of damaged rows: each names the damage that it knows for sure, and takes exactly that back."""
