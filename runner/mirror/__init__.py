"""`backup.engine: rclone`: copies of files as they are."""
