"""Retention as each workload asks for it, and as it stands in a shared repository."""
