"""Workloads, their sidecars, and the status of these."""
