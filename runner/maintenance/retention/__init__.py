"""Retention of each workload, and its records in a shared repository."""
