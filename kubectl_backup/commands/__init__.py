"""The commands that show and control backups."""
