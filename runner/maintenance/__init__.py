"""Maintenance of a repository: retention, prune, check, restore drills."""
