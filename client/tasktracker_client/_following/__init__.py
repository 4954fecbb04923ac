"""Streams: one task or many, resumed after every cut."""
