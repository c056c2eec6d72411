"""A requested restore, path by path: survey, deletion, verification."""
