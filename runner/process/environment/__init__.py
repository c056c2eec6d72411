"""The variables and files that restic and rclone get."""
