"""Generated data of any size, and every published figure measured again by one command."""
