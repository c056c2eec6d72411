"""Output: tables, progress, formats."""
