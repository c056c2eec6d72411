"""What is due when, and when it is overdue."""
