"""What is asked of the service: calls, their repeats, their outcomes. Only `driving` meets the network."""
