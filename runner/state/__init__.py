"""What outlives a restart. `model` is pure, `store` is the edge."""
