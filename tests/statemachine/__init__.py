"""The running service and a model of it, driven side by side by hypothesis."""
