"""Restores: on request, and before a pod starts."""
