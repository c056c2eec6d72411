"""What retention keeps, as values: the minimum, and how it may shrink. Pure."""
