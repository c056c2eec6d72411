"""Options of restic that the Secret may give."""
