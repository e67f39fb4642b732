"""Model families, one file each; `contract` says what a family is, `known` lists all."""
