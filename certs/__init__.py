"""The webhook's certificates: its own CA and leaves, or mounted ones."""
