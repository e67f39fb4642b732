"""What must hold while a model trains: packing, thinking mode, and what must not be forgotten."""
