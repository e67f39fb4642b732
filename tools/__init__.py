"""What looks at the code and is no part of it: how far a row travels, and which rooms import each other."""
