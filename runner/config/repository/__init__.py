"""Where backups go: the second repository, and the mirror in place of any."""
