"""Dumps of databases, and copies of their files."""
