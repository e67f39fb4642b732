"""What works on shards: processes of this machine, or a Dask cluster."""
