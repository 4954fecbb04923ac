"""What each verb means. Orchestrates the stores; decides with ``core``; does no I/O of its own."""
