"""The job that looks after a repository that others share."""
