"""What retention keeps, as values: the least, and how it may shrink. Pure."""
