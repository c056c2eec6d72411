"""What lint advises."""
