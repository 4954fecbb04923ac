"""PostgreSQL: the truth. Every method takes a list and is one statement."""
