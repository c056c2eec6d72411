"""Loads dumps into servers."""
