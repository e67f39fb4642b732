"""Rules on valid rows, one file each: `contract` says what a rule is, `known` lists all."""
