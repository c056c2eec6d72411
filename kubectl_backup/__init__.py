"""`kubectl backup`: the kubectl plugin that shows, starts and restores backups."""
