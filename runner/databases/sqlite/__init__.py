"""Consistent copies of SQLite databases, made by a confined process."""
