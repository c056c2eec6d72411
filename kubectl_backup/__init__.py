"""`kubectl backup`: what backups there are, and everything that people do with them."""
