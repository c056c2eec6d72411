"""Manifests as ten public collections write them, made here from their shapes, without a copy."""
