"""`doctor`: problems and their remedies."""
