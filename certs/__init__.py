"""The webhook's certificates: its own CA and leaves, or those that are mounted."""
