"""The container that is added."""
