"""Small changes of the pure kernels, each of which a test must notice; `make mutants` makes them all."""
