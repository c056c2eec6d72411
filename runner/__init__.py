"""Runs in the injected container: schedules, backs up with restic, keeps state, reports."""
