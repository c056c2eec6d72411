"""What must not be seen in logs, messages and metrics."""
