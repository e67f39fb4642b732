"""The files of stages on disk: shards of rows, and index files of hashes."""
