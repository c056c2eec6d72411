"""Restore drills: what comes back is compared with what was backed up."""
