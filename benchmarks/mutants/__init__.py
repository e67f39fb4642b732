"""Small changes of the pure kernels; a test must notice each of them; `make mutants` makes them all."""
