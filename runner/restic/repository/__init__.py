"""A repository as a whole: creation, keys, locks, damage. Pure."""
