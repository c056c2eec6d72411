"""Workloads, their sidecars, and what these say."""
