"""The Task Tracker service."""
