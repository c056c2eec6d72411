"""Notifications, digests and metrics."""
