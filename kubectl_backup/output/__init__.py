"""What is printed: tables, progress, formats."""
