"""When what is due, and until when it must have happened."""
