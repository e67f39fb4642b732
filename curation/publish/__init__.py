"""What a version holds: its shards, the fate of every row, and the dropped rows."""
