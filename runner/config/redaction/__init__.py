"""Redaction of secrets in logs, notifications and metrics."""
