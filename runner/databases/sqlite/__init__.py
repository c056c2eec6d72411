"""Consistent copies of SQLite databases, made by a process that may do little else."""
