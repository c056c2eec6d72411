"""The maintenance job of a shared repository."""
