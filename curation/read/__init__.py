"""Raw rows out of files: parquet, JSON lines and arrays, CSV and TSV, packed or not."""
