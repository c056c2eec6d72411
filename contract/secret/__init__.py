"""Keys of the Secret: what they mean, and whom they reach."""
