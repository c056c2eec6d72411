"""The state that survives a restart. `model` is pure, `store` is the edge."""
