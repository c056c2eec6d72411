"""What restic and rclone get: variables, and files that are made for them."""
