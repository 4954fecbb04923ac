"""Redis: the live tail of every running task, and the bus that tells all processes of it."""
