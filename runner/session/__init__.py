"""What one process holds while it works: lock, state, published status."""
