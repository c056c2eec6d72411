"""`status`: backups and their problems."""
