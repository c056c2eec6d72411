"""Decides at admission time which pods get a backup sidecar, and patches them."""
