"""Workers: what claims a task, keeps it while its code runs, and ends it."""
