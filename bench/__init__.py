"""Measurements behind what the project says about its speed."""
