"""Dumps, back into a server."""
