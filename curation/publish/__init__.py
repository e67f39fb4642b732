"""What a version holds: its shards, the outcome of every row, and the dropped rows."""
