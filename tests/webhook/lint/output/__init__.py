"""What lint prints."""
