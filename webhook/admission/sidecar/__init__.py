"""The injected container."""
