"""How what stages leave lies on disk: shards of rows, and index files of hashes."""
