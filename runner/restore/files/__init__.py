"""A restore by hand, path by path: what there is, what comes, what goes, what came of it."""
