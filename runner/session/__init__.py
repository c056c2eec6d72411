"""What one process holds while it works: the lock, the state, what it writes for others to see."""
