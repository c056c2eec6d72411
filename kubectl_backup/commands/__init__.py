"""The commands that look at backups and steer them."""
