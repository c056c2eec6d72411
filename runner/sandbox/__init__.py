"""Limits that the kernel enforces on our processes."""
