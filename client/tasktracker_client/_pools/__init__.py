"""Functions by task type, run several at once: in threads, processes or tasks."""
