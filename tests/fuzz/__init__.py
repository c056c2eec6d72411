"""Coverage-guided fuzzing of what reads the words of others; see `tests/fuzz/running.py`."""
