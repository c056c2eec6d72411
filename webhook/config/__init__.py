"""The webhook's own settings."""
