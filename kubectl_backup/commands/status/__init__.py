"""`status`: what is backed up, and what is wrong."""
