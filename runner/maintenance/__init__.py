"""What keeps a repository in order beside backups: retention, prune, check, restore drills."""
