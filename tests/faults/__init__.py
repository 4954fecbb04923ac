"""What survives which fault: kills, lost keys, stores that are away, slow readers."""
