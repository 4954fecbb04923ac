"""Typed Python client for Task Tracker."""
