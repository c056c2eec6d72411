"""Queries to database servers."""
