"""The pages of the workspace, a file each: their addresses, and what each shows or does."""
