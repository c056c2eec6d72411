"""`python -m tests.run`: pytest, and what failed again under load."""
