"""Restore drills: restored files are compared with the live ones."""
