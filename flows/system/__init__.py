"""This machine: open files, memory, cores, signals and progress; it imports no other room of `flows`."""
