"""Restores: by hand, and before a pod starts."""
